"""Scale and shift for another hospital: against a search, and what the prior does with few and with many films."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from scipy.stats import norm
from sklearn.metrics import log_loss

from rayling.recalibration import fit

SAME = np.array([[1.0, 0.0]] * 3)


def films(rng, count, scale, shifts):
    """Log-odds of three labels, and labels that are true to scale · log-odds + shift."""
    log_odds = rng.normal(0, 2, (count, 3))
    return (rng.random((count, 3)) < expit(scale * log_odds + shifts)).astype(float), log_odds


def classes(rng, count, scale, shifts):
    log_odds = rng.normal(0, 2, (count, 3))
    drawn = [rng.choice(3, p=p) for p in softmax(scale * log_odds + shifts, axis=1)]
    return np.eye(3)[drawn], log_odds


def test_many_films_find_the_truth(rng):
    shifts = np.array([1.5, 0.0, -2.0])
    found = fit.fit(*films(rng, 20_000, 0.6, shifts), exclusive=False)
    np.testing.assert_allclose(found, np.column_stack([np.full(3, 0.6), shifts]), atol=0.08)
    found = fit.fit(*classes(rng, 20_000, 0.6, shifts), exclusive=True)
    np.testing.assert_allclose(found, np.column_stack([np.full(3, 0.6), shifts - shifts.mean()]), atol=0.08)


def test_it_is_the_most_probable_pair_by_a_search_over_a_grid(rng):
    labels, log_odds = films(rng, 30, 0.5, np.ones(3))
    scale, shift = fit.fit(labels[:, :1], log_odds[:, :1], exclusive=False)[0]

    def badness(scale, shift):
        loss = log_loss(labels[:, 0], expit(scale * log_odds[:, 0] + shift), normalize=False)
        return loss - norm(0, fit.LOG_SCALE).logpdf(np.log(scale)) - norm(0, fit.SHIFT).logpdf(shift)

    grid = [(badness(s, b), s, b) for s in np.linspace(0.3, 2, 171) for b in np.linspace(-2, 2, 201)]
    assert badness(scale, shift) <= min(grid)[0]
    assert (scale, shift) == pytest.approx(min(grid)[1:], abs=0.03)


def test_one_film_changes_little_and_an_unknown_label_nothing(rng):
    labels, log_odds = np.array([[1.0, 0.0, np.nan]]), np.array([[-1.0, 2.0, 3.0]])
    (up, down, unknown) = fit.fit(labels, log_odds, exclusive=False)
    assert 0 < up[1] < 1 and -1 < down[1] < 0 and unknown.tolist() == [1.0, 0.0]
    (one, *others) = fit.fit(np.array([[1.0, 0, 0]]), np.zeros((1, 3)), exclusive=True)
    assert 0 < one[1] < 1 and sum(each[1] for each in [one, *others]) == pytest.approx(0, abs=1e-6)
    assert {each[0] for each in [one, *others]} == {1.0}


def test_few_films_of_the_same_hospital_do_less_harm_than_platts(rng):
    from rayling.evaluation import calibration

    test, harm = films(rng, 4000, 1, np.zeros(3)), []
    for _ in range(30):
        few = films(rng, 25, 1, np.zeros(3))
        fits = fit.fit(*few, exclusive=False), calibration.fit(*few)
        harm.append([fit.log_loss(*test, platt, exclusive=False) for platt in fits])
    ours, platts = np.mean(harm, axis=0) - fit.log_loss(*test, SAME, exclusive=False)
    assert 0 < ours < platts / 2


def test_the_log_loss_is_scikit_learns(rng):
    labels, log_odds = films(rng, 50, 1, np.zeros(3))
    labels[rng.random(labels.shape) < 0.3] = np.nan
    known, platt = ~np.isnan(labels), np.array([[0.5, 1.0], [2.0, -1.0], [1.0, 0.0]])
    expected = log_loss(labels[known], fit.recalibrated(log_odds, platt, exclusive=False)[known])
    assert fit.log_loss(labels, log_odds, platt, exclusive=False) == pytest.approx(expected)
    labels, log_odds = classes(rng, 50, 1, np.zeros(3))
    expected = log_loss(labels.argmax(axis=1), softmax(log_odds * platt[:, 0] + platt[:, 1], axis=1))
    assert fit.log_loss(labels, log_odds, platt, exclusive=True) == pytest.approx(expected)
