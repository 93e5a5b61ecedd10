"""Train a teacher on all folds of the train patients but one, for each fold (`teacher.folds`).

Each dumps the outputs for the fold that it never saw, so that no soft label comes from a network that has learned the
image by heart. With one fold there are none, and the teacher itself dumps all.
Reads what `train_teacher` reads, writes data/models/folds/.
"""

from types import SimpleNamespace

from torch import nn

from rayling.common.atomic import atomic_folder
from rayling.config import params
from rayling.networks import weights
from rayling.runtime import distributed, hardware
from rayling.teaching import folds
from rayling.teaching.train import train_teacher
from rayling.training import checkpoint, stage


def main() -> None:
    """Train the teacher of each fold in turn."""
    p = params.read("seed", "compute", "views", "hard_loss", "teacher")
    count = p.teacher.folds if p.teacher.folds > 1 else 0
    trained = [train_fold(number, count, p) for number in range(count)]
    if distributed.rank() == 0:
        with atomic_folder(folds.FOLDER) as folder:
            for teacher, header in trained:
                weights.save(folder / f"{header.network}.safetensors", teacher, header)
        checkpoint.delete_finished("fold-*")


def train_fold(number: int, count: int, p: SimpleNamespace) -> tuple[nn.Module, weights.Header]:
    """A teacher that learns from all folds but one."""
    device, pixels = hardware.start(p.seed), "data/pixels/teacher.h5"  # every fold starts from the same weights
    train, dev = stage.splits("train", "dev", device=device, p=p, pixels=pixels)
    seen = folds.of_images(train.split, folds=count, seed=p.seed) != number
    teacher, header, _ = train_teacher(f"fold-{number}", p, train=train, dev=dev, among=seen)
    return teacher, header


if __name__ == "__main__":
    distributed.run(main)
