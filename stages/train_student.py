"""Train the student, the paper's three convolutional blocks, on the hard labels and on the outputs of `learn_from`.

Paper, section 3: binary cross-entropy to the hard labels + binary cross-entropy to the soft labels at temperature T +
Wasserstein distance between the outputs of the student's three blocks and the feature maps of the network that it
learns from. That is the assistant, for comparison the teacher, or `labels`: an empty dump, so the hard loss alone. In
the lesson `any_view` there are no feature maps.
Reads data/prepared.h5 and data/dumps/<learn_from>.h5, writes data/models/student.safetensors and
plots/training/student.csv.
"""

from rayling.config import params
from rayling.distillation import losses
from rayling.distillation.distil import distil
from rayling.distillation.losses import mean_over_levels, soft_bce, weighted_sum
from rayling.networks import weights
from rayling.runtime import distributed, hardware
from rayling.training import checkpoint, stage
from rayling.training.hard_loss import mean_loss


def main() -> None:
    """Train the student on the labels and the dump of `learn_from`."""
    p = params.read(
        "temperature",
        "learn_from",
        "seed",
        "student_seed",
        "views",
        "cached_views",
        "lesson",
        "features",
        "hard_loss",
        "softening",
        "student",
        "compute",
    )
    train, dev = stage.splits("train", "dev", device=hardware.start(p.student_seed), p=p, cached_views=p.cached_views)
    header = weights.Header.of(train.split, network="student", head=p.student.head, standardise=p.student.standardise)
    student = weights.build(header, grid=p.features.grid).to(train.device)

    def sliced_wasserstein(**maps):
        directions = losses.unit_directions(p.student.directions, p.features.grid**2, device=train.device)
        return losses.sliced_wasserstein(**maps, directions=directions)

    soften, loss_weights = {"temperature": p.temperature, "softening": p.softening}, p.student.weights.model_dump()
    distance = {"channels": sliced_wasserstein, "activations": losses.activation_wasserstein}[p.student.wasserstein]

    def loss(outputs, batch):
        parts = {"hard": mean_loss(p.hard_loss, logits=outputs.logits, labels=batch.labels)}
        if batch.teacher:
            parts["soft"] = soft_bce(student=outputs.logits, teacher=batch.teacher.logits, **soften)
        if batch.teacher and batch.teacher.features:
            parts["feature"] = mean_over_levels(distance, student=outputs.features, teacher=batch.teacher.features)
        return weighted_sum(parts, loss_weights), parts

    dump = f"data/dumps/{p.learn_from}.h5"
    history = distil(
        student,
        dump=dump,
        train=train,
        dev=dev,
        loss=loss,
        lesson=p.lesson,
        hard=p.hard_loss,
        seed=p.student_seed,
        unfinished=checkpoint.for_training("student", p, "data/prepared.h5", dump),
        title=f"student of {p.learn_from}",
        **stage.settings(p.student),
        **p.compute.model_dump(),
    )
    stage.save("student", student, header, history)


if __name__ == "__main__":
    distributed.run(main)
