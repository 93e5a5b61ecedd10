"""Calibration intercept and slope: what maximises the likelihood, and what is known of constructed probabilities."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from rayling.evaluation.calibration_slope import intercept, slope, slope_scores


def drawn(rng, *, shift, scale, images=300):
    """Labels (n,) whose log-odds are shift + scale · the logits (n,)."""
    logits = rng.normal(-1, 1.5, images)
    return (rng.random(images) < expit(shift + scale * logits)).astype(float), logits


def surprise(truth, logits):
    """The negative log-likelihood of labels for their log-odds."""
    return np.logaddexp(0, np.where(truth == 1, -logits, logits)).sum()


def test_they_maximise_the_likelihood(rng):
    truth, logits = drawn(rng, shift=0.4, scale=0.7)
    alone = minimize(lambda at: surprise(truth, at[0] + logits), [0.0], tol=1e-10)
    both = minimize(lambda at: surprise(truth, at[0] + at[1] * logits), [0.0, 1.0], tol=1e-10)
    assert intercept(truth, logits) == pytest.approx(alone.x[0], abs=1e-4)
    assert slope(truth, logits) == pytest.approx(both.x[1], abs=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_of_many_labels_the_slope_is_that_by_which_they_were_drawn(rng, scale):
    truth, logits = drawn(rng, shift=0.0, scale=scale, images=100_000)
    assert slope(truth, logits) == pytest.approx(scale, rel=0.05)
    assert abs(intercept(truth, logits + 0.3) - intercept(truth, logits) + 0.3) < 1e-9


def test_the_logits_of_a_probability_that_is_the_prevalence_have_intercept_0_and_no_slope():
    truth = np.array([1.0, 0, 0, 0])
    assert intercept(truth, logit(np.full(4, 0.25))) == pytest.approx(0, abs=1e-9)
    assert slope(truth, logit(np.full(4, 0.25))) is None


@pytest.mark.parametrize(
    ("truth", "logits"),
    [
        ([0, 0, 1, 1], [-2, -1, 1, 2]),  # a threshold separates the classes
        ([0, 0, 1, 1], [2, 1, -1, -2]),
        ([0, 0, 1, 1], [-2, 1, 1, 2]),  # or touches both
        ([1, 1], [0, 1]),
        ([], []),
    ],
)
def test_without_a_maximum_of_the_likelihood_there_is_no_slope(truth, logits):
    assert slope(np.array(truth, float), np.array(logits, float)) is None


def test_each_label_is_fitted_on_its_known_entries_and_certain_probabilities_stay_finite(rng):
    pairs = [drawn(rng, shift=0.3, scale=0.8) for _ in range(2)]
    labels, logits = (np.column_stack(each) for each in zip(*pairs, strict=True))
    probabilities = expit(logits)
    labels[:50, 1] = np.nan
    labels[50, 0], probabilities[50, 0] = 1, 0.0
    found = slope_scores(["a", "b"], labels, probabilities)
    assert found["calibration_slope"]["per_label"]["b"] == pytest.approx(slope(labels[50:, 1], logits[50:, 1]))
    for score in found.values():
        assert np.isfinite(score["per_label"]["a"])
        assert score["macro"] == pytest.approx(np.mean(list(score["per_label"].values())))
