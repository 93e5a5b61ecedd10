"""Folds of the train patients: the soft labels of an image come from a teacher that never saw its patient.

A network is overconfident on the images that it was trained on, and soft labels there are hardly softer than hard ones.
"""

from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupKFold

from rayling.common.errors import BadInput
from rayling.storage.prepared import Split

FOLDER = Path("data/models/folds")  # empty without folds


def of_images(split: Split, *, folds: int, seed: int) -> np.ndarray:
    """The fold (N,) of each image, 0 to `folds` - 1; all images of a patient are in one.

    Raises BadInput if there are fewer patients than folds.
    """
    patients = len(np.unique(split.patient_id))
    if folds > patients:
        raise BadInput(f"teacher.folds: found {folds} for {patients} train patients, expected no more than patients")
    fold, parts = np.zeros(len(split.labels), np.int64), GroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    for number, (_, held_out) in enumerate(parts.split(fold, groups=split.patient_id)):
        fold[held_out] = number
    return fold


def files() -> list[Path]:
    """The weights of the teachers, in the order of the folds that they never saw; none without folds."""
    return [FOLDER / f"fold-{number}.safetensors" for number in range(len(list(FOLDER.glob("fold-*.safetensors"))))]
