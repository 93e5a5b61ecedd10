"""The intervals: what is drawn, and what is computed from it."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from rayling.evaluation import auroc, bootstrap, metrics
from tests.evaluation.drawn import scores_of, split

OURS_AND_THEIRS = [
    (bootstrap.weighted_auroc, roc_auc_score),
    (bootstrap.weighted_average_precision, average_precision_score),
]


@pytest.mark.parametrize(("ours", "theirs"), OURS_AND_THEIRS)
@pytest.mark.parametrize("decimals", [1, 9])  # many ties, or none
def test_a_weighted_score_is_scikit_learns(rng, ours, theirs, decimals):
    labels, scores = split(rng, images=120, unknown=0.1, decimals=decimals)
    weights = rng.integers(0, 4, size=(20, 120)) * rng.random((20, 120))
    for truth, score in zip(labels.T, scores.T, strict=True):
        known = ~np.isnan(truth)
        expected = [theirs(truth[known], score[known], sample_weight=each[known]) for each in weights]
        assert ours(truth, score, weights) == pytest.approx(expected)


@pytest.mark.parametrize(("ours", "_"), OURS_AND_THEIRS)
def test_a_weighted_score_without_a_class_is_nan(ours, _):
    truth, score = np.array([1, 0, np.nan]), np.array([0.4, 0.3, 0.9])
    found = ours(truth, score, np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [0, 0, 1]], float))
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan])
    assert np.isnan(ours(np.full(3, np.nan), score, np.ones((2, 3)))).all()


def test_a_macro_score_of_each_image_once_is_that_without_weights(rng):
    labels, scores = split(rng, images=120, unknown=0.1, decimals=1)
    once, precisions = np.ones((1, 120)), metrics.average_precision(labels, scores)
    assert bootstrap.macro_auroc(labels, scores, once) == pytest.approx(auroc.macro(labels, scores))
    assert bootstrap.macro_average_precision(labels, scores, once) == pytest.approx(np.mean(precisions))


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


def test_people_who_share_a_near_duplicate_are_drawn_as_one(rng):
    labels, probabilities = split(rng)
    people = np.arange(len(labels)).astype(str)
    apart, pairs = (
        scores_of(labels, probabilities, people, groups=groups) for groups in (people, people.astype(int) // 2)
    )
    alone = scores_of(labels, probabilities, people.astype(int) // 2)
    assert apart["patients"] == pairs["patients"] == 2 * alone["patients"]
    assert pairs["auroc"] == alone["auroc"] != apart["auroc"]


def test_ten_patients_of_a_class_bear_an_interval_and_not_ten_images():
    labels, patients = np.zeros((40, 3)), np.arange(40)
    labels[:10, 0] = labels[:9, 1] = labels[:31, 2] = 1
    assert bootstrap.enough(labels, patients).tolist() == [True, False, False]
    patients[9] = patients[0]  # nine patients have the first label
    assert bootstrap.enough(labels, patients).tolist() == [False, False, False]
    labels[labels == 0] = np.nan
    assert not bootstrap.enough(labels, np.arange(40)).any()
