"""One network learns from the cached outputs of another."""

import pandas as pd
from torch import nn

from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.training import loop
from rayling.training.optimisation import Loss


def distil(student: nn.Module, *, dump: str, train: Batches, dev: Batches, loss: Loss, **settings) -> pd.DataFrame:
    """Train `student` (for the paper: assistant or student) on hard labels and on the dump at path `dump`.

    It sees the cached views: the very pixels that the dump describes (`loop.views_of`). `loss(outputs, batch)` finds
    the cached outputs in `batch.teacher`. From an empty dump there are none; then an epoch holds only rows with a known
    label, but as many of them and in the same views, so that a gain is due to teaching alone. `settings` are those of
    `loop.fit`, whose history is returned. Raises BadInput if the dump is of other labels, views or images.
    """
    cached = dumps.read(dump, names=train.split.names, recipe=train.recipe, image_id=train.split.image_id)
    rows = train.split.labelled_rows if cached.empty else train.split.rows
    train = train.with_teacher([] if cached.empty else [cached.logits, *cached.levels])
    return loop.fit(student, train=train, dev=dev, rows=rows, loss=loss, views=train.recipe["count"], **settings)
