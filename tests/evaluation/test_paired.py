"""Paired differences of two networks, against a loop over resamples and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from rayling.evaluation import bootstrap, paired
from tests.evaluation.drawn import split

SETTINGS = {"exclusive": False, "seed": 4, "resamples": 40}


@pytest.fixture
def pair(rng):
    """Labels, and the probabilities of a network and of one that ranks a little worse."""
    labels, better = split(rng, images=240, decimals=3)
    return labels, better, np.clip(better + rng.normal(0, 0.1, better.shape), 0, 1)


def test_the_interval_is_that_of_a_loop_over_paired_resamples(pair):
    labels, *both = pair
    groups, drawn = np.arange(240) // 2, []
    for weight in bootstrap.patient_weights(groups, seed=4, resamples=40):
        rows = np.repeat(np.arange(240), weight.astype(int))
        macro = [np.mean([average_precision_score(labels[rows, k], of[rows, k]) for k in range(4)]) for of in both]
        drawn.append(macro[0] - macro[1])
    found = paired.differences(labels, *both, groups=groups, **SETTINGS)
    ends = [found["average_precision_low"], found["average_precision_high"]]
    assert ends == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    assert "accuracy" not in found


def test_a_pair_is_compared_more_closely_than_two_networks_apart(pair):
    labels, better, worse = pair
    found = paired.differences(labels, better, worse, groups=np.arange(240), **SETTINGS)
    weights = bootstrap.patient_weights(np.arange(240), seed=4, resamples=40)
    alone = bootstrap.interval("auroc", bootstrap.macro_auroc(labels, better, weights))
    assert 0 < found["auroc_low"] < found["auroc"] < found["auroc_high"]
    assert found["auroc_high"] - found["auroc_low"] < (alone["auroc_high"] - alone["auroc_low"]) / 2


def test_a_network_does_not_differ_from_itself_and_the_other_way_round_the_sign_changes(pair):
    labels, better, worse = pair
    settings = SETTINGS | {"groups": np.arange(240)}
    assert set(paired.differences(labels, better, better, **settings).values()) == {0.0}
    one, other = (
        paired.differences(labels, better, worse, **settings),
        paired.differences(labels, worse, better, **settings),
    )
    assert one["auroc_low"] == pytest.approx(-other["auroc_high"]) and one["auroc"] == -other["auroc"]


def test_of_exclusive_classes_the_accuracy_is_compared_too(rng):
    true = rng.integers(3, size=90)
    right, wrong = np.eye(3)[true], np.eye(3)[(true + (np.arange(90) < 18)) % 3]
    found = paired.differences(np.eye(3)[true], right, wrong, groups=np.arange(90), **SETTINGS | {"exclusive": True})
    assert found["accuracy"] == pytest.approx(0.2) and 0.1 < found["accuracy_low"] < 0.2 < found["accuracy_high"] < 0.3


def test_a_few_patients_have_a_difference_and_no_interval(pair):
    labels, better, worse = (each[:9] for each in pair)
    found = paired.differences(labels, better, worse, groups=np.arange(9), **SETTINGS)
    assert found["auroc"] is not None and found["auroc_low"] is found["auroc_high"] is None
    found = paired.differences(labels * np.nan, better, worse, groups=np.arange(9), **SETTINGS)
    assert set(found.values()) == {None}
