"""The metrics, from their definitions and against scikit-learn; no recorded goldens."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rayling.evaluation import auroc, metrics
from rayling.evaluation.scores import macro_scores
from tests.evaluation.drawn import NAMES, scores_of, split


def test_scores_are_scikit_learns_where_all_is_known(rng):
    labels, probabilities = split(rng)
    found = scores_of(labels, probabilities)
    decided = probabilities >= metrics.thresholds(labels, probabilities)
    answer = np.tile(metrics.constant_answer(labels, exclusive=False), (len(labels), 1))
    for average in ("micro", "macro", "weighted", "samples"):
        for scores, of in [(found, decided), (found["constant"], answer)]:
            expected = precision_recall_fscore_support(labels, of, average=average, zero_division=0)[:3]
            assert [scores[score][average] for score in ("precision", "recall", "f1")] == pytest.approx(expected)
    each = f1_score(labels, decided, average=None)
    assert list(found["f1"]["per_label"].values()) == pytest.approx(each)
    ranked = average_precision_score(labels, probabilities, average=None)
    assert list(found["average_precision"]["per_label"].values()) == pytest.approx(ranked)
    assert found["average_precision"]["macro"] == pytest.approx(ranked.mean())
    assert found["auroc"]["macro"] == pytest.approx(roc_auc_score(labels, probabilities))


def test_a_label_that_is_never_predicted_has_precision_zero():
    scores = metrics.averages(np.array([0.0, 1.0]), np.array([0.0, 0.0]), np.array([3.0, 0.0]))
    np.testing.assert_array_equal(scores["precision"]["per_label"], [0, 1])
    assert scores["precision"]["macro"] == 0.5


def test_each_label_is_scored_on_its_known_entries(rng):
    labels, probabilities = split(rng, unknown=0.3)
    decided = probabilities >= 0.5
    known = ~np.isnan(labels)
    scores = metrics.averages(*metrics.counts(labels, decided))["f1"]
    expected = [f1_score(labels[k, j], decided[k, j]) for j, k in enumerate(known.T)]
    assert scores["per_label"] == pytest.approx(expected)
    assert scores["micro"] == pytest.approx(f1_score(labels[known], decided[known]))


def test_each_image_is_scored_on_its_known_labels(rng):
    labels, probabilities = split(rng, unknown=0.4)
    labels[:3], labels[3:6], decided = np.nan, [0, np.nan, 0, 0], probabilities >= 0.5
    expected = [
        precision_recall_fscore_support(labels[n, known], decided[n, known], average="binary", zero_division=0)[:3]
        for n, known in enumerate(~np.isnan(labels))
        if known.any()
    ]
    assert len(expected) <= len(labels) - 3
    assert list(metrics.samples(labels, decided).values()) == pytest.approx(np.mean(expected, axis=0))


def test_macro_f1_is_the_mean_of_the_labels_that_have_one(rng):
    labels, probabilities = split(rng)
    labels[:, 2], labels[:, 3] = 0, np.nan
    f1 = scores_of(labels, probabilities)["f1"]
    defined = [value for value in f1["per_label"].values() if value is not None]
    assert len(defined) == 2
    assert f1["macro"] == pytest.approx(np.mean(defined))


def test_macro_scores_are_those_of_all_scores(rng):
    labels, probabilities = split(rng, unknown=0.2)
    macro = macro_scores(
        labels=labels, probabilities=probabilities, thresholds=metrics.thresholds(labels, probabilities)
    )
    found = scores_of(labels, probabilities)
    assert macro == {score: {"macro": found[score]["macro"]} for score in ("auroc", "average_precision", "f1")}


def test_an_unknown_entry_is_ignored(rng):
    labels, probabilities = split(rng, unknown=0.3)
    other = np.where(np.isnan(labels), rng.random(labels.shape), probabilities)
    assert scores_of(labels, other) == scores_of(labels, probabilities)
    decided, otherwise = probabilities >= 0.5, other >= 0.5
    np.testing.assert_array_equal(metrics.cooccurrence(labels, decided), metrics.cooccurrence(labels, otherwise))


def test_the_threshold_has_the_highest_f1_and_is_the_lowest_of_those(rng):
    labels, probabilities = split(rng, images=60, unknown=0.1, decimals=1)
    for threshold, (truth, score) in zip(
        metrics.thresholds(labels, probabilities), auroc.by_label(labels, probabilities), strict=True
    ):
        f1 = {candidate: f1_score(truth, score >= candidate) for candidate in np.unique(score)}
        assert threshold == min(candidate for candidate in f1 if f1[candidate] == max(f1.values()))


def test_threshold_ties_and_labels_without_a_positive():
    labels = np.array([[1, 0, np.nan], [0, 0, np.nan], [0, 0, np.nan], [1, 0, np.nan]], np.float32)
    probabilities = np.array([[0.9], [0.8], [0.7], [0.6]]) * np.ones(3)  # F1 is 2/3 at 0.9 and at 0.6
    assert metrics.thresholds(labels, probabilities).tolist() == [0.6, 0.5, 0.5]


def test_no_constant_answer_beats_the_constant_answer(rng):
    labels, _ = split(rng, unknown=0.3)
    labels[rng.random(300) < 0.8, 2] = np.nan  # prevalence is a share of the known, not a count

    def micro(answer):
        return metrics.averages(*metrics.counts(labels, np.array(answer)))["f1"]["micro"]

    best = max(micro(answer) for answer in itertools.product([False, True], repeat=4))
    assert micro(metrics.constant_answer(labels, exclusive=False)) == best


def test_the_scores_hold_those_of_the_constant_answer(rng):
    labels, probabilities = split(rng)
    constant = scores_of(labels, probabilities, constant=np.array([True, True, False, False]))["constant"]
    answer = np.tile([True, True, False, False], (len(labels), 1))
    assert constant["answers"] == "effusion, edema"
    assert constant["f1"]["macro"] == pytest.approx(f1_score(labels, answer, average="macro"))
    assert constant["average_precision"]["macro"] == pytest.approx(labels.mean())


def test_calibration_error_of_known_cases():
    # In each bin of 100 entries, exactly the predicted share is positive.
    probability = np.repeat(np.arange(0.05, 1, 0.1), 100)
    truth = np.concatenate([np.arange(100) < round(100 * p) for p in np.arange(0.05, 1, 0.1)])
    assert metrics.calibration_error(truth, probability) == pytest.approx(0, abs=1e-9)
    # Always 0.9, right in one of four: off by 0.65. Sure and always wrong: off by 1, edges of 0..1 included.
    assert metrics.calibration_error(np.array([1, 0, 0, 0]), np.full(4, 0.9)) == pytest.approx(0.65)
    assert metrics.calibration_error(np.array([0, 1]), np.array([1.0, 0.0])) == 1.0
    assert metrics.calibration_error(np.array([]), np.array([])) is None


def test_the_scores_hold_the_calibration_error_with_and_without_calibration(rng):
    labels, probabilities = split(rng, unknown=0.2)
    labels[:, 3] = np.nan  # a label without a known entry has no error
    found = scores_of(labels, probabilities, uncalibrated=probabilities**2)["calibration_error"]
    for key, values in {"macro": probabilities, "uncalibrated": probabilities**2}.items():
        errors = [metrics.calibration_error(*known) for known in auroc.by_label(labels, values)]
        assert found[key] == pytest.approx(np.mean(errors[:3]))
    assert found["macro"] != found["uncalibrated"]


def test_cooccurrence_has_recall_on_its_diagonal(rng):
    labels, probabilities = split(rng, unknown=0.2)
    decided = probabilities >= 0.5
    shares = metrics.cooccurrence(labels, decided)
    recall = metrics.averages(*metrics.counts(labels, decided))["recall"]["per_label"]
    assert np.diag(shares) == pytest.approx(recall)
    absent = (labels == 0).all(axis=1)
    assert shares[-1] == pytest.approx(decided[absent].mean(axis=0))
    both_known = (labels[:, 0] == 1) & ~np.isnan(labels[:, 1])
    assert shares[0, 1] == pytest.approx(decided[both_known, 1].mean())


def test_names_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError):
        scores_of(*split(rng), names=NAMES[:3])
