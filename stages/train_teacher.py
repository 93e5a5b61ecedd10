"""Train the teacher on the hard labels: one large network, or several whose logits are averaged.

Paper, section 3: EfficientNet-B6 and -B7 for CheXpert, Inception-v3 for COVID-19, binary cross-entropy per class.
Every epoch shows new views of the images. Images without a known label are left out.
Reads data/prepared.h5, writes data/models/teacher.safetensors and plots/training/teacher.csv.
"""

import pandas as pd

from rayling.config import params
from rayling.networks import weights
from rayling.runtime import distributed, hardware
from rayling.training import checkpoint, loop, stage
from rayling.training.hard_loss import hard_loss

INPUTS = ("data/prepared.h5", "data/backbones/teacher.json")


def main() -> None:
    """Train every backbone by itself and save them as one network."""
    p = params.read("seed", "views", "teacher", "compute")
    train, dev = stage.splits("train", "dev", device=hardware.start(p.seed), p=p)
    header = weights.Header.of(train.split, network="teacher", backbones=p.teacher.backbones)
    teacher = weights.build(header, pretrained=p.teacher.pretrained).to(train.device)

    histories = []
    for number, (backbone, member) in enumerate(zip(p.teacher.backbones, teacher.members, strict=True)):
        history = loop.fit(
            member,
            train=train,
            dev=dev,
            rows=train.split.labelled_rows,
            loss=hard_loss,
            seed=p.seed,
            unfinished=checkpoint.for_training(f"teacher-{number}", p, *INPUTS),
            title=f"teacher {backbone}",
            **p.teacher.settings(),
            **p.compute.model_dump(),
        )
        histories.append(history)
    mean_of_members = pd.concat(histories).groupby("epoch", as_index=False).mean()
    stage.save("teacher", teacher, header, mean_of_members)


if __name__ == "__main__":
    distributed.run(main)
