"""Train the teacher on the hard labels: one large network, or several whose logits are averaged.

Paper, section 3: EfficientNet-B6 and -B7 for CheXpert, Inception-v3 for COVID-19, binary cross-entropy per class.
Every epoch shows new views of the images. Images without a known label are left out. Of a frozen backbone only the last
layer is fitted, to the features that `embed` dumped.
Reads data/prepared.h5, data/pixels/teacher.h5 and data/dumps/features.h5, writes data/models/teacher.safetensors and
plots/training/teacher.csv.
"""

from rayling.config import params
from rayling.runtime import distributed, hardware
from rayling.teaching.train import train_teacher
from rayling.training import stage


def main() -> None:
    """Train the teacher on all train patients."""
    p = params.read(
        "seed",
        "compute",
        "views",
        "hard_loss",
        "teacher.backbones",
        "teacher.pretrained",
        "teacher.freeze",
        "teacher.fine_tuning",
        "teacher.epochs",
        "teacher.batch_size",
        "teacher.lr",
        "teacher.weight_decay",
        "teacher.schedule",
    )
    device, pixels = hardware.start(p.seed), "data/pixels/teacher.h5"
    train, dev = stage.splits("train", "dev", device=device, p=p, pixels=pixels)
    teacher, header, history = train_teacher("teacher", p, train=train, dev=dev)
    stage.save("teacher", teacher, header, history)


if __name__ == "__main__":
    distributed.run(main)
