"""Train the controls: the student's network, which has no teacher, sees no disease, or predicts an image's source.

One control sees only the border of the images. Another, `alone`, sees all of them, and shows what the student is worth
without a teacher. Where there are several sources, a third predicts from which of them an image comes. All learn from
the known hard labels with the student's own settings, so that no control is weak for lack of training, in new views
every epoch. They depend on neither the temperature, the teacher nor the student's seed: a sweep over these trains them
once.
Reads data/prepared.h5, writes data/controls.safetensors: logits of dev and test, which `controls` scores.
"""

from copy import copy
from pathlib import Path

import numpy as np
from safetensors.numpy import save as as_bytes

from rayling.common.atomic import atomic
from rayling.config import params
from rayling.evaluation import control_models
from rayling.evaluation.control_models import BorderOnly
from rayling.networks import weights
from rayling.runtime import distributed, hardware, inference
from rayling.runtime.loader import Batches
from rayling.storage.prepared import SPLITS
from rayling.training import checkpoint, loop, stage
from rayling.training.epochs import Sampler
from rayling.training.hard_loss import hard_loss


def main() -> None:
    """Train the controls `border` and `alone` and, where there are several sources, `source`."""
    p = params.read(
        "seed",
        "compute",
        "views",
        "cached_views",
        "lesson",
        "hard_loss",
        "student.head",
        "student.standardise",
        "student.epochs",
        "student.batch_size",
        "student.lr",
        "student.weight_decay",
        "student.schedule",
    )
    batches = dict(zip(SPLITS, stage.splits(*SPLITS, device=hardware.start(p.seed), p=p), strict=True))
    shape = {"head": p.student.head, "standardise": p.student.standardise}
    settings = {"seed": p.seed, "shape": shape, **stage.settings(p.student), **p.compute.model_dump()}
    border, alone, source = (
        checkpoint.for_training(f"control-{name}", p, "data/prepared.h5") for name in ("border", "alone", "source")
    )

    logits = train("border", batches, wrap=BorderOnly, hard=p.hard_loss, unfinished=border, **settings)
    views = p.cached_views if p.lesson == "cached_views" else None  # as the student that is taught
    logits |= train("alone", batches, hard=p.hard_loss, unfinished=alone, views=views, **settings)
    sources = control_models.source_names(batches["train"].split)
    if len(sources) > 1:
        by_source = {split: labelled_by_source(images, sources) for split, images in batches.items()}
        logits |= train("source", by_source, hard="bce", unfinished=source, **settings)
    if distributed.rank() == 0:
        save(Path("data/controls.safetensors"), logits)


def train(
    name: str,
    batches: dict[str, Batches],
    *,
    shape: dict,
    hard: str,
    seed: int,
    unfinished: Path,
    wrap=None,
    **settings,
) -> dict[str, np.ndarray]:
    """Train a student's network by the `hard` loss, inside `wrap` if there is one. `shape` is as of `Header.of`.

    Returns logits (N, K) of dev and test by name.
    """
    images = batches["train"]
    hardware.start(seed)  # the same first weights whatever was trained before
    network = weights.build(weights.Header.of(images.split, network=name, **shape))
    network = (wrap(network) if wrap else network).to(images.device)
    loop.fit(
        network,
        train=images,
        dev=batches["dev"],
        sampler=Sampler(images.split, seed=seed, labelled_only=True),
        loss=hard_loss(hard),
        hard=hard,
        seed=seed,
        unfinished=unfinished,
        title=f"control ({name})",
        **settings,
    )
    return {f"{name}/{split}": inference.logits(network, batches[split]) for split in ("dev", "test")}


def labelled_by_source(batches: Batches, sources: list[str]) -> Batches:
    """The same images with a label for each source."""
    relabelled = copy(batches)
    relabelled.split = control_models.source_labels(batches.split, sources)
    return relabelled


def save(path: Path, logits: dict[str, np.ndarray]) -> None:
    """Write the logits and delete the checkpoints."""
    with atomic(path) as partial:
        partial.write_bytes(as_bytes(logits))
    checkpoint.delete_finished("control-*")


if __name__ == "__main__":
    distributed.run(main)
