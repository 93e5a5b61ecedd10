"""Folds of the train patients."""

from types import SimpleNamespace

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.teaching import folds

PATIENTS = np.random.default_rng(0).integers(30, size=200).astype(str)
SPLIT = SimpleNamespace(patient_id=PATIENTS, labels=np.zeros((200, 2)))


def test_no_patient_is_in_two_folds_and_the_folds_are_of_about_the_same_size():
    fold = folds.of_images(SPLIT, folds=4, seed=0)
    assert all(len(set(fold[patient == PATIENTS])) == 1 for patient in set(PATIENTS))
    assert np.bincount(fold).min() > 30


def test_the_seed_decides_the_folds():
    drawn = [folds.of_images(SPLIT, folds=4, seed=seed).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_more_folds_than_patients_are_refused():
    with pytest.raises(BadInput, match=r"teacher\.folds: found 31 for 30 train patients"):
        folds.of_images(SPLIT, folds=31, seed=0)
