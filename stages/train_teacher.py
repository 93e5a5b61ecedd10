"""Train the teacher: one large network, or several whose logits are averaged, on the hard labels alone.

Paper, section 3: EfficientNet-B6 and -B7 for CheXpert, Inception-v3 for COVID-19, cross-entropy per class.
Every showing of an image is a view of it that was never shown before. Images without a hard label are left out.
Reads data/prepared.h5, writes data/models/teacher.safetensors and plots/training/teacher.csv.
"""

import pandas as pd

from distill import calibration, checkpoint, fit, inference, params, processes, runtime, weights
from distill.atomic import atomic
from distill.batches import Batches
from distill.hard_loss import from_labels


def main() -> None:
    """Train every backbone by itself, calibrate them together on dev and save them as one network."""
    p = params.read("seed", "views", "teacher", "compute")
    data = {"device": runtime.start(p.seed), "views": p.views.model_dump(), "seed": p.seed}
    train, dev = (Batches("data/prepared.h5", split, **data) for split in ("train", "dev"))

    computed = runtime.described(p.compute.precision, train.device)
    about = {"network": "teacher", "backbones": p.teacher.backbones, "seed": p.seed, "computed": computed}
    header = weights.Header.of(train.split, **about)
    teacher = weights.build(header, pretrained=p.teacher.pretrained).to(train.device)
    histories, lesson = [], {"rows": train.split.labelled_rows, "loss": from_labels}
    for number, (name, member) in enumerate(zip(p.teacher.backbones, teacher.members, strict=True)):
        lesson["unfinished"] = checkpoint.of_training(f"teacher-{number}", p, "data/prepared.h5")
        settings = {"seed": p.seed, "title": f"teacher {name}", **p.teacher.settings(), **p.compute.model_dump()}
        histories.append(fit.fit(member, train=train, dev=dev, **lesson, **settings))

    platt = calibration.fit(dev.split.labels, inference.logits(teacher, dev))
    if processes.rank():
        return
    weights.save("data/models/teacher.safetensors", teacher, header.calibrated(platt))
    with atomic("plots/training/teacher.csv") as path:
        pd.concat(histories).groupby("epoch").mean().to_csv(path)  # of the members, epoch by epoch
    checkpoint.finished("teacher-*")


if __name__ == "__main__":
    processes.run(main)
