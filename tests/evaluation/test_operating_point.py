"""The 2x2 table and its rates, against scikit-learn and a loop over resamples."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import class_likelihood_ratios, confusion_matrix, precision_score, recall_score

from rayling.evaluation import bootstrap
from rayling.evaluation.operating_point import RATES, all_points, operating_points
from rayling.evaluation.results import Calibration
from tests.evaluation.drawn import NAMES, scores_of, split


def decided_on(labels, decided, groups=None):
    """The operating points, and the resamples that their intervals are of."""
    groups = np.arange(len(labels)) if groups is None else groups
    weights = bootstrap.patient_weights(groups, seed=5, resamples=40)
    about = {"names": NAMES[: labels.shape[1]], "labels": labels, "decided": decided}
    return operating_points(**about, groups=groups, weights=weights), weights


def rates(truth, answer):
    """Each of the `RATES` by scikit-learn."""
    return {
        "sensitivity": recall_score(truth, answer, pos_label=1),
        "specificity": recall_score(truth, answer, pos_label=0),
        "ppv": precision_score(truth, answer, pos_label=1),
        "npv": precision_score(truth, answer, pos_label=0),
    }


def test_the_table_and_the_rates_are_scikit_learns_on_known_entries(rng):
    labels, probabilities = split(rng, unknown=0.2)
    found, _ = decided_on(labels, probabilities > 0.5)
    for name, truth, answer in zip(NAMES, labels.T, probabilities.T > 0.5, strict=True):
        known = ~np.isnan(truth)
        pair = truth[known].astype(int), answer[known].astype(int)
        assert [found[name][cell] for cell in ("tn", "fp", "fn", "tp")] == confusion_matrix(*pair).ravel().tolist()
        assert {rate: found[name][rate] for rate in RATES} == pytest.approx(rates(*pair))
        ratios = [found[name][f"{sign}_likelihood_ratio"] for sign in ("positive", "negative")]
        assert ratios == pytest.approx(class_likelihood_ratios(*pair))


def test_the_intervals_are_those_of_a_loop_over_resamples(rng):
    labels, probabilities = split(rng, images=240)
    found, weights = decided_on(labels, probabilities > 0.4, groups=np.arange(240) // 2)
    rows = [np.repeat(np.arange(240), weight.astype(int)) for weight in weights]
    for name, truth, answer in zip(NAMES, labels.T, probabilities.T > 0.4, strict=True):
        drawn = [rates(truth[each], answer[each]) for each in rows]
        for rate in RATES:
            expected = np.quantile([each[rate] for each in drawn], [0.025, 0.975])
            assert [found[name][f"{rate}_low"], found[name][f"{rate}_high"]] == pytest.approx(expected)


def test_each_rate_needs_ten_patients_of_its_own():
    labels, decided = np.zeros((40, 1)), np.zeros((40, 1), bool)
    labels[:10], decided[1:10] = 1, True  # nine positive answers, one of ten positives missed
    found = decided_on(labels, decided)[0]["effusion"]
    assert found["sensitivity"] == 0.9 and found["sensitivity_low"] < 0.9 < found["sensitivity_high"]
    assert found["ppv"] == 1 and found["ppv_low"] is found["ppv_high"] is None
    assert found["npv_low"] < 30 / 31 < found["npv_high"]


def test_a_rate_of_one_or_zero_has_the_exact_interval_of_its_patients():
    labels, patients = np.zeros((80, 1)), np.arange(80) // 2
    labels[:24] = 1
    found = decided_on(labels, np.zeros((80, 1), bool), patients)[0]["effusion"]
    exact = [binomtest(successes, n).proportion_ci(method="exact") for successes, n in ((0, 12), (28, 28))]
    assert [found["sensitivity_low"], found["sensitivity_high"]] == pytest.approx([exact[0].low, exact[0].high])
    assert [found["specificity_low"], found["specificity_high"]] == pytest.approx([exact[1].low, exact[1].high])


def test_what_a_division_by_zero_leaves_open_is_none():
    labels = np.array([[1, 0], [0, 0], [0, 0]])
    never, always = (decided_on(labels, np.full((3, 2), answer))[0] for answer in (False, True))
    assert never["effusion"]["ppv"] is never["effusion"]["positive_likelihood_ratio"] is None
    assert never["effusion"]["negative_likelihood_ratio"] == 1 and never["effusion"]["npv"] == pytest.approx(2 / 3)
    assert always["effusion"]["npv"] is always["effusion"]["negative_likelihood_ratio"] is None
    assert never["edema"]["sensitivity"] is never["edema"]["negative_likelihood_ratio"] is None
    assert never["edema"]["specificity"] == 1 and never["edema"]["tn"] == 3


def test_exclusive_classes_are_decided_by_the_most_probable_one(rng):
    labels = np.eye(4)[rng.integers(4, size=100)]
    probabilities = rng.dirichlet(np.ones(4), size=100)
    found = scores_of(labels, probabilities, thresholds=None)["decision"]
    answers, truth = probabilities.argmax(axis=1), labels.argmax(axis=1)
    for place, name in enumerate(NAMES):
        assert found[name]["tp"] == ((answers == place) & (truth == place)).sum()
        assert found[name]["tp"] + found[name]["fp"] == (answers == place).sum()


def test_each_operating_point_has_the_table_of_its_thresholds(rng):
    labels, probabilities = split(rng)
    points = {"low": np.full(4, 0.2), "high": np.array([0.5, 0.6, 0.7, 0.8])}
    data = SimpleNamespace(names=NAMES, labels=labels, group=np.arange(300))
    calibration = Calibration(NAMES, np.ones((4, 2)), points["low"], False, "low", points)
    found = all_points(data, probabilities, calibration, seed=0)
    assert list(found) == ["low", "high"]
    for name, at in points.items():
        for k, label in enumerate(NAMES):
            assert found[name][label]["tp"] == (labels[:, k] * (probabilities[:, k] >= at[k])).sum()
    assert all_points(data, probabilities, Calibration(NAMES, np.ones((4, 2)), None, exclusive=True), seed=0) == {}
