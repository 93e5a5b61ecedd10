"""Train the student: the paper's three convolutional blocks, taught by `learn_from`.

Paper, section 3: cross-entropy to the hard labels, cross-entropy to the soft labels and Wasserstein distance
between the student's three convolutional outputs and the feature maps of the network it learns from: the
assistant, for comparison the teacher itself, both together, or nobody (`labels`, whose dump is empty).
Reads data/prepared.h5 and data/dumps/<learn_from>.h5, writes data/models/student.safetensors and
plots/training/student.csv.
"""

from distill import calibration, checkpoint, inference, losses, params, processes, runtime, weights
from distill.atomic import atomic
from distill.batches import Batches
from distill.distil import distil

DIRECTIONS = 8  # drawn anew for every level of every batch, so few are enough


def main() -> None:
    """Train the student on the labels and on what `learn_from` said, and calibrate it on dev."""
    p = params.read(
        "temperature",
        "learn_from",
        "seed",
        "student_seed",
        "views",
        "cached_views",
        "features",
        "softening",
        "student",
        "compute",
    )
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    data = {"device": runtime.start(p.student_seed), **views}
    train, dev = (Batches("data/prepared.h5", split, **data) for split in ("train", "dev"))

    computed = runtime.described(p.compute.precision, train.device)
    header = weights.Header.of(train.split, network="student", backbones=[], seed=p.student_seed, computed=computed)
    student = weights.build(header, grid=p.features.grid).to(train.device)

    def of_channels(**maps):
        directions = losses.unit_directions(DIRECTIONS, p.features.grid**2, device=train.device)
        return losses.sliced_wasserstein(**maps, directions=directions)

    dump = f"data/dumps/{p.learn_from}.h5"
    distances = {"channels": of_channels, "activations": losses.activation_wasserstein}
    history = distil(
        student,
        dump=dump,
        train=train,
        dev=dev,
        feature_distance=distances[p.student.wasserstein],
        temperature=p.temperature,
        softening=p.softening,
        weights=p.student.weights.model_dump(),
        seed=p.student_seed,
        unfinished=checkpoint.of_training("student", p, "data/prepared.h5", dump),
        title=f"student of {p.learn_from}",
        **p.student.settings(),
        **p.compute.model_dump(),
    )
    platt = calibration.fit(dev.split.labels, inference.logits(student, dev))
    if processes.rank():
        return
    weights.save("data/models/student.safetensors", student, header.calibrated(platt))
    with atomic("plots/training/student.csv") as path:
        history.to_csv(path, index=False)
    checkpoint.finished("student")


if __name__ == "__main__":
    processes.run(main)
