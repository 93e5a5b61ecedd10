"""One network learns from the cached outputs of another."""

import numpy as np
import pandas as pd
from torch import nn

from rayling.common.errors import BadInput
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import Dump
from rayling.training import loop
from rayling.training.epochs import Sampler
from rayling.training.optimisation import Loss


def distil(
    student: nn.Module,
    *,
    dump: str,
    train: Batches,
    dev: Batches,
    loss: Loss,
    lesson: str,
    seed: int,
    **settings,
) -> pd.DataFrame:
    """Train `student` (for the paper: assistant or student) on hard labels and on the dump at path `dump`.

    `lesson` says what it sees (`outputs_for`). `loss(outputs, batch)` finds the cached outputs in `batch.teacher`. From
    an empty dump there are none; then an epoch holds only rows with a known label, but as many of them and in the same
    views, so that a gain is due to teaching alone. `settings` are those of `loop.fit`, whose history is returned.
    Raises BadInput if the dump is of other labels, views or images.
    """
    cached = dumps.read(dump, names=train.split.names, recipe=train.recipe, image_id=train.split.image_id)
    return loop.fit(
        student,
        train=train.with_teacher(outputs_for(lesson, cached)),
        dev=dev,
        sampler=Sampler(train.split, seed=seed, labelled_only=cached.empty),
        loss=loss,
        views=train.recipe["count"] if lesson == "cached_views" else None,
        seed=seed,
        **settings,
    )


def outputs_for(lesson: str, cached: Dump) -> list[np.ndarray]:
    """The outputs that a `lesson` uses: logits (N, V, K), then feature maps (N, V, C, g, g) of each level.

    `cached_views`: the student sees the V cached views, the very pixels that the dump describes. `any_view`: it sees
    views without end, and the mean of the cached logits (N, 1, K) stands for all of them; feature maps would not, as
    they belong to their view. Nothing for an empty dump. Raises BadInput if the dump lacks the feature maps.
    """
    if cached.empty:
        return []
    if lesson == "any_view":
        return [np.asarray(cached.logits).mean(axis=1, keepdims=True, dtype=np.float32)]
    if not cached.levels:
        raise BadInput(f"{cached.path}: found no feature maps, expected those of the cached views: run `dvc repro`")
    return [cached.logits, *cached.levels]
