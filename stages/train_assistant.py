"""Train the assistant, a network of middle size, on the hard labels and on the teacher's cached outputs.

Paper, section 3, DenseNet-121: binary cross-entropy to the hard labels + binary cross-entropy to the teacher's soft
labels at temperature T + KL divergence to the teacher's feature maps. The teacher itself is not needed: its dump holds
its outputs. In the lesson `any_view` there are no feature maps.
Reads data/prepared.h5, data/pixels/assistant.h5 and data/dumps/teacher.h5, writes data/models/assistant.safetensors and
plots/training/assistant.csv.
"""

from rayling.config import params
from rayling.distillation.distil import distil
from rayling.distillation.losses import feature_kl, mean_over_levels, soft_bce, weighted_sum
from rayling.networks import weights
from rayling.runtime import distributed, hardware
from rayling.training import checkpoint, stage
from rayling.training.hard_loss import mean_loss

PIXELS, DUMP = "data/pixels/assistant.h5", "data/dumps/teacher.h5"
INPUTS = ("data/prepared.h5", PIXELS, "data/backbones/assistant.json", DUMP)


def main() -> None:
    """Train one backbone on the labels and the teacher's dump."""
    p = params.read(
        "temperature",
        "seed",
        "views",
        "cached_views",
        "lesson",
        "features",
        "hard_loss",
        "softening",
        "assistant",
        "compute",
    )
    device = hardware.start(p.seed)
    train, dev = stage.splits("train", "dev", device=device, p=p, cached_views=p.cached_views, pixels=PIXELS)
    pretrained = p.assistant.pretrained
    header = weights.Header.of(
        train.split, network="assistant", backbones=[p.assistant.backbone], pretrained=pretrained
    )
    assistant = weights.build(header, start_pretrained=pretrained, **p.features.model_dump()).to(train.device)

    soften, loss_weights = {"temperature": p.temperature, "softening": p.softening}, p.assistant.weights.model_dump()

    def loss(outputs, batch):
        parts = {
            "hard": mean_loss(p.hard_loss, logits=outputs.logits, labels=batch.labels),
            "soft": soft_bce(student=outputs.logits, teacher=batch.teacher.logits, **soften),
        }
        if batch.teacher.features:
            parts["feature"] = mean_over_levels(feature_kl, student=outputs.features, teacher=batch.teacher.features)
        return weighted_sum(parts, loss_weights), parts

    history = distil(
        assistant,
        dump=DUMP,
        train=train,
        dev=dev,
        loss=loss,
        lesson=p.lesson,
        hard=p.hard_loss,
        seed=p.seed,
        unfinished=checkpoint.for_training("assistant", p, *INPUTS),
        title="assistant",
        **stage.settings(p.assistant),
        **p.assistant.fine_tuning.model_dump(),
        **p.compute.model_dump(),
    )
    stage.save("assistant", assistant, header, history)


if __name__ == "__main__":
    distributed.run(main)
