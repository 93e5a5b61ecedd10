"""How long CheXpert would take on the device at hand: from rates measured on it, of 224,316 images of 320 px.

    python -m tests.benchmarks.hours

Bare forward and backward passes; what the pipeline adds to them is in the table of `tests.benchmarks.pipeline`.
"""

import torch

from tests.benchmarks.bare import passes, time_of
from tests.benchmarks.cases import GRID, LABELS
from tests.benchmarks.ratio import chip, machine
from tests.benchmarks.scale import IMAGES, LEVELS, NETWORKS, SIZE

STUDENT = {"student": [None]}
BATCH, STEPS = {"cpu": 4, "cuda": 64}, {"cpu": 3, "cuda": 30}  # few where one step takes seconds


def main() -> None:
    """Print the table."""
    print(f"{chip()}, {machine()}\n\n| network | one epoch of training | one view of the dump |\n|---|---|---|")
    for name, backbones in (NETWORKS | STUDENT).items():
        training, looking = (sum(times) for times in zip(*map(hours, backbones), strict=True))
        print(f"| {name} | {training:,.2f} h | {looking:,.2f} h |", flush=True)


def hours(backbone: str | None) -> tuple[float, float]:
    """Of one epoch of training and of one pass of inference over all images."""
    shape = {"outputs": LABELS, "levels": LEVELS, "grid": GRID, "size": SIZE}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    step, look, batch = passes(backbone, batch_size=BATCH[device], precision="auto", **shape)
    seconds = time_of(step, steps=STEPS[device]) / BATCH[device], time_of(look, steps=STEPS[device]) / batch
    return seconds[0] * IMAGES / 3600, seconds[1] * IMAGES / 3600


if __name__ == "__main__":
    main()
