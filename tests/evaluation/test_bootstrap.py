"""The intervals: what is drawn, and what is computed from it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rayling.evaluation import auroc, bootstrap
from tests.evaluation.drawn import scores_of, split


def test_weighted_auroc_is_scikit_learns(rng):
    labels, scores = split(rng, images=120, unknown=0.1, decimals=1)
    weights = rng.integers(0, 4, size=(5, 120)).astype(float)
    known = ~np.isnan(labels[:, 0])
    expected = [roc_auc_score(labels[known, 0], scores[known, 0], sample_weight=w[known]) for w in weights]
    assert bootstrap.weighted_auroc(labels[:, 0], scores[:, 0], weights) == pytest.approx(expected)
    assert bootstrap.macro_auroc(labels, scores, np.ones((1, 120))) == pytest.approx(auroc.macro(labels, scores))


def test_weighted_macro_leaves_out_what_a_resample_lacks():
    labels, scores = np.array([[1, 1], [0, 0], [0, 1]]), np.array([[0.9, 0.1], [0.1, 0.5], [0.2, 0.9]])
    only_first, neither = [1, 0, 1], [0, 0, 1]
    resampled = bootstrap.macro_auroc(labels, scores, np.array([only_first, neither], float))
    np.testing.assert_array_equal(resampled, [1.0, np.nan])


def test_the_interval_contains_the_estimate_and_is_reproducible(rng):
    labels, probabilities = split(rng, unknown=0.1)
    found = scores_of(labels, probabilities, seed=3)
    assert found["auroc"]["macro_low"] < found["auroc"]["macro"] < found["auroc"]["macro_high"]
    low, high = found["f1"]["macro_low"], found["f1"]["macro_high"]
    assert low < found["f1"]["macro"] < high
    assert scores_of(labels, probabilities, seed=3) == found
    assert scores_of(labels, probabilities, seed=4)["auroc"]["macro_low"] != found["auroc"]["macro_low"]


def test_copies_of_a_patients_images_do_not_narrow_the_interval(rng):
    labels, probabilities = split(rng)
    patients = np.arange(len(labels)).astype(str)
    once = scores_of(labels, probabilities, patients)
    often = scores_of(*(np.repeat(each, 4, axis=0) for each in (labels, probabilities, patients)))
    assert often["images"] == 4 * once["images"] and often["patients"] == once["patients"] == 300
    for end in ("macro", "macro_low", "macro_high"):
        assert often["auroc"][end] == pytest.approx(once["auroc"][end])
        assert often["f1"][end] == pytest.approx(once["f1"][end])


def test_the_bootstrap_draws_as_many_patients_as_there_are():
    weights = bootstrap.patient_weights(np.array(["a", "b", "a", "c"]), seed=0, resamples=200)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), np.full(200, 3))
