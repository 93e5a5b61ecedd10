"""Thresholds of operating points, against a search through every threshold of six digits that could matter."""

import numpy as np
import pytest

from rayling.evaluation import thresholds
from tests.evaluation.drawn import NAMES, split


def rates(truth, score, threshold):
    """Sensitivity, specificity and F1 at a threshold, image by image."""
    tp = sum(p >= threshold for p, y in zip(score, truth, strict=True) if y == 1)
    fp = sum(p >= threshold for p, y in zip(score, truth, strict=True) if y == 0)
    positives, negatives = (truth == 1).sum(), (truth == 0).sum()
    return tp / positives, 1 - fp / negatives, 2 * tp / (tp + fp + positives)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("rate", ["sensitivity", "specificity"])
def test_the_threshold_is_the_last_one_that_reaches_the_rate(rng, rate, share):
    labels, probabilities = split(rng, unknown=0.2)
    probabilities = probabilities.round(2)  # many are equal
    name, found = thresholds.choose({rate: share}, NAMES, labels, probabilities)
    assert name == f"{rate}={share}"
    for truth, score, at in zip(labels.T, probabilities.T, found[name], strict=True):
        which = ["sensitivity", "specificity"].index(rate)
        further = at + 1e-6 if rate == "sensitivity" else at - 1.5e-6
        assert rates(truth, score, at)[which] >= share > rates(truth, score, further)[which]


def test_seven_of_ten_are_a_share_of_seven_tenths():  # 0.7 * 10 is 7.000000000000001
    labels, scores = np.r_[np.ones(10), np.zeros(10)][:, None], np.r_[np.arange(1, 11), np.arange(1, 11)][:, None] / 20
    sensitive = thresholds.choose({"sensitivity": 0.7}, ["a"], labels, scores)[1]["sensitivity=0.7"]
    specific = thresholds.choose({"specificity": 0.7}, ["a"], labels, scores)[1]["specificity=0.7"]
    assert (scores[:10] >= sensitive).sum() == 7 and (scores[10:] < specific).sum() == 7


def test_every_point_is_chosen_and_that_of_the_study_is_named(rng):
    labels, probabilities = split(rng)
    own = {"thresholds": {label: 0.1 * k for k, label in enumerate(NAMES)}}
    name, found = thresholds.choose(own, NAMES, labels, probabilities)
    assert name == "thresholds" and found[name].tolist() == list(own["thresholds"].values())
    assert list(found) == ["thresholds", "f1=max", "sensitivity=0.95", "specificity=0.9"]
    best = [rates(*pair, at)[2] for *pair, at in zip(labels.T, probabilities.T, found["f1=max"], strict=True)]
    for at in np.linspace(0, 1, 60):
        f1 = [rates(*pair, at)[2] for pair in zip(labels.T, probabilities.T, strict=True)]
        assert np.all(np.array(f1) <= np.array(best) + 1e-12)
    assert next(iter(thresholds.choose({"f1": "max"}, NAMES, labels, probabilities)[1])) == "f1=max"


def test_a_label_without_the_images_that_a_rate_is_of_gets_one_half():
    for rate, labels in {"sensitivity": np.zeros((5, 1)), "specificity": np.ones((5, 1))}.items():
        name, found = thresholds.choose({rate: 0.9}, ["a"], labels, np.full((5, 1), 0.3))
        assert found[name].tolist() == [0.5]


def test_no_threshold_is_above_one():
    labels, certain = np.array([[0.0], [0.0], [1.0]]), np.ones((3, 1))
    assert thresholds.choose({"specificity": 0.9}, ["a"], labels, certain)[1]["specificity=0.9"].tolist() == [1.0]
