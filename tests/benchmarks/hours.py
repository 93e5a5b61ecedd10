"""How long CheXpert would take on this device, from rates measured on it: 224,316 images of 320 px.

    python -m tests.benchmarks.hours

These are bare forward and backward passes. What the pipeline adds to them is in the table of
`tests.benchmarks.pipeline`.
"""

import torch

from tests.benchmarks.bare import passes, time_of
from tests.benchmarks.cases import GRID, LABELS
from tests.benchmarks.ratio import chip, machine
from tests.benchmarks.scale import IMAGES, LEVELS, NETWORKS, SIZE

STUDENT = {"student": [None]}
BATCH, STEPS = {"cpu": 4, "cuda": 64}, {"cpu": 3, "cuda": 30}  # few on a CPU, where one step takes seconds


def main() -> None:
    """Print the table."""
    print(f"{chip()}, {machine()}\n\n| network | one epoch of training | one view of the dump |\n|---|---|---|")
    for name, backbones in (NETWORKS | STUDENT).items():
        training, inference = (sum(times) for times in zip(*map(hours, backbones), strict=True))
        print(f"| {name} | {training:,.2f} h | {inference:,.2f} h |", flush=True)


def hours(backbone: str | None) -> tuple[float, float]:
    """The hours of one epoch of training, and of one pass of inference over all images."""
    shape = {"outputs": LABELS, "levels": LEVELS, "grid": GRID, "size": SIZE}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    train_step, infer, batch = passes(backbone, batch_size=BATCH[device], precision="auto", **shape)
    training, inference = time_of(train_step, steps=STEPS[device]), time_of(infer, steps=STEPS[device])
    return training / BATCH[device] * IMAGES / 3600, inference / batch * IMAGES / 3600


if __name__ == "__main__":
    main()
