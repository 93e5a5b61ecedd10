"""Train the assistant, a network of middle size, on the hard labels and on the teacher's cached outputs.

Paper, section 3, DenseNet-121: binary cross-entropy to the hard labels + binary cross-entropy to the teacher's soft
labels at temperature T + KL divergence to the teacher's feature maps. The teacher itself is not needed: its dump holds
its outputs for each view.
Reads data/prepared.h5 and data/dumps/teacher.h5, writes data/models/assistant.safetensors and
plots/training/assistant.csv.
"""

from rayling.config import params
from rayling.distillation.distil import distil
from rayling.distillation.losses import feature_kl, mean_over_levels, soft_bce, weighted_sum
from rayling.networks import weights
from rayling.runtime import distributed, hardware
from rayling.training import checkpoint, stage
from rayling.training.hard_loss import hard_bce

INPUTS = ("data/prepared.h5", "data/backbones/assistant.json", "data/dumps/teacher.h5")


def main() -> None:
    """Train one backbone on the labels and the teacher's dump."""
    p = params.read("temperature", "seed", "views", "cached_views", "features", "softening", "assistant", "compute")
    train, dev = stage.splits("train", "dev", device=hardware.start(p.seed), p=p, cached_views=p.cached_views)
    header = weights.Header.of(train.split, network="assistant", backbones=[p.assistant.backbone])
    assistant = weights.build(header, pretrained=p.assistant.pretrained, **p.features.model_dump()).to(train.device)

    soften, loss_weights = {"temperature": p.temperature, "softening": p.softening}, p.assistant.weights.model_dump()

    def loss(outputs, batch):
        parts = {
            "hard": hard_bce(logits=outputs.logits, labels=batch.labels),
            "soft": soft_bce(student=outputs.logits, teacher=batch.teacher.logits, **soften),
            "feature": mean_over_levels(feature_kl, student=outputs.features, teacher=batch.teacher.features),
        }
        return weighted_sum(parts, loss_weights), parts

    history = distil(
        assistant,
        dump="data/dumps/teacher.h5",
        train=train,
        dev=dev,
        loss=loss,
        seed=p.seed,
        unfinished=checkpoint.for_training("assistant", p, *INPUTS),
        title="assistant",
        **p.assistant.settings(),
        **p.compute.model_dump(),
    )
    stage.save("assistant", assistant, header, history)


if __name__ == "__main__":
    distributed.run(main)
