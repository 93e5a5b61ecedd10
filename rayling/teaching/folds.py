"""Folds of the train patients: the soft labels of an image come from a teacher that never saw its patient.

A network is overconfident on the images that it was trained on, and soft labels there are hardly softer than hard ones.
"""

from pathlib import Path

import numpy as np

from rayling.common.errors import BadInput
from rayling.storage.prepared import Split

FOLDER = Path("data/models/folds")  # empty without folds


def of_images(split: Split, *, folds: int, seed: int) -> np.ndarray:
    """The fold (N,) of each image, 0 to `folds` - 1, with about the same share of each label.

    All images of a group, a patient or patients who share a near-duplicate, are in one fold. Raises BadInput if there
    are fewer groups than folds, or if a fold would leave no positive or no negative of a label to learn from.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second, which teachers without folds save

    groups = len(np.unique(split.group))
    if folds > groups:
        raise BadInput(f"teacher.folds: found {folds} for {groups} train patients, expected no more than patients")
    positive = split.labels == 1
    commonest_last = np.argsort(positive.sum(0), kind="stable")
    strata = np.column_stack([positive[:, commonest_last], np.ones(len(positive), bool)]).argmax(1)  # the rarest label
    fold, parts = np.zeros(len(strata), np.int64), StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    for number, (_, held_out) in enumerate(parts.split(strata, strata, split.group)):
        fold[held_out] = number
    _refuse_unlearnable(split, fold)
    return fold


def _refuse_unlearnable(split: Split, fold: np.ndarray) -> None:
    for number in np.unique(fold):
        rest = split.labels[fold != number]
        for name, known in zip(split.names, rest.T, strict=True):
            if not ((known == 1).any() and (known == 0).any()):
                found = f"fold {number} leaves no image that is known to be with and one without {name!r}"
                raise BadInput(f"teacher.folds: {found}, expected both: choose fewer folds")


def files(count: int) -> list[Path]:
    """The weights of the teachers, in the order of the folds that they never saw."""
    return [FOLDER / f"fold-{number}.safetensors" for number in range(count)]
