"""Folds of the train patients."""

from types import SimpleNamespace

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.teaching import folds

PATIENTS = np.random.default_rng(0).integers(30, size=200).astype(str)
LABELS = (np.random.default_rng(1).random((200, 2)) < [0.5, 0.1]).astype(np.float32)
SPLIT = SimpleNamespace(group=PATIENTS, labels=LABELS, names=["common", "rare"])


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


def test_each_fold_has_its_share_of_a_rare_label():
    alone = SimpleNamespace(group=np.arange(200).astype(str), labels=LABELS, names=["common", "rare"])
    fold = folds.of_images(alone, folds=4, seed=0)
    shares = [LABELS[fold == number, 1].sum() for number in range(4)]
    assert max(shares) - min(shares) <= 1


def test_folds_that_leave_a_label_without_a_positive_are_refused():
    labels = np.zeros((200, 2), np.float32)
    labels[:, 0], labels[PATIENTS[0] == PATIENTS, 1] = LABELS[:, 0], 1  # one patient alone has the second
    one = SimpleNamespace(group=PATIENTS, labels=labels, names=["common", "rare"])
    with pytest.raises(BadInput, match=r"teacher\.folds: fold \d leaves no image .* 'rare'"):
        folds.of_images(one, folds=4, seed=0)
