"""One network learns from the dump of another."""

from collections.abc import Callable, Mapping

import pandas as pd
import torch
from torch import nn

from distill import dumps, fit, losses
from distill.batches import Batches


def distil(
    student: nn.Module,
    *,
    dump: str,
    train: Batches,
    dev: Batches,
    feature_distance: Callable[..., torch.Tensor],
    temperature: int,
    softening: str,
    weights: Mapping[str, float],
    **settings,
) -> pd.DataFrame:
    """Train `student` (for the paper: assistant or student) on the labels and on the dump at path `dump`.

    It sees the cached views, the very pixels that the dump describes (`fit.views_of`). Where the dump is empty, an
    epoch is as long, of the rows with a known label: no gain is one of longer training or of other views.
    `temperature` to `weights` are those of `losses.distillation`, `settings` those of `fit.fit`, whose history comes
    back.
    """
    said = dumps.read(dump, names=train.split.names, recipe=train.recipe, image_id=train.split.image_id)

    def loss(outputs, batch):
        return losses.distillation(
            student=outputs,
            teacher=batch.said,
            labels=batch.labels,
            temperature=temperature,
            softening=softening,
            feature_distance=feature_distance,
            weights=weights,
        )

    rows = train.split.labelled_rows if said.empty else train.split.rows
    train = train.taught_by([] if said.empty else [said.logits, *said.levels])
    return fit.fit(student, train=train, dev=dev, rows=rows, loss=loss, views=train.recipe["count"], **settings)
