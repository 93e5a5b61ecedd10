"""Calibration anew for a new hospital, from a few of its films.

A network's probabilities are the sigmoid of its log-odds, for exclusive classes their softmax. Anew they are those of
scale · log-odds + shift, as Platt's (`evaluation/calibration.py`), but with few films Platt's two numbers fit these
films and not the hospital. So both have a normal prior about what they were before, scale 1 and shift 0: with few films
little changes, with many the prior is forgotten. That it is better than Platt's, and better than to fit shifts alone,
was measured (docs/log/external.md). N films, K labels.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

# standard deviations of the prior, of a shift and of the logarithm of a scale
SHIFT, LOG_SCALE = 1.0, 0.25


def fit(labels: np.ndarray, log_odds: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """The most probable [scale, shift] of each label, (K, 2), scale above 0.

    `labels` is (N, K) of 1, 0 or NaN (unknown), `log_odds` (N, K). Of `exclusive` classes the scale is one for all, the
    mean of the shifts is 0, and a film without a known class is left out. A label that is unknown on all films keeps
    scale 1 and shift 0. The same data give the same numbers.
    """
    if exclusive:
        known = (labels == 1).any(axis=1)
        log_scale, *shifts = _least(_exclusive_loss, labels[known], log_odds[known], shifts=labels.shape[1])
        return np.array([_rounded(log_scale, shift - np.mean(shifts)) for shift in shifts])
    columns = [(truth[~np.isnan(truth)], z[~np.isnan(truth)]) for truth, z in zip(labels.T, log_odds.T, strict=True)]
    return np.array([_rounded(*_least(_loss, *column, shifts=1)) for column in columns])


def recalibrated(log_odds: np.ndarray, platt: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """The probabilities (N, K) of log-odds (N, K), for `platt` (K, 2) as `fit` returns it."""
    scaled = log_odds.astype(float) * platt[:, 0] + platt[:, 1]
    return softmax(scaled, axis=1) if exclusive else expit(scaled)


def log_loss(labels: np.ndarray, log_odds: np.ndarray, platt: np.ndarray, *, exclusive: bool) -> float:
    """The mean cross-entropy of the known entries, or of `exclusive` classes of the films with a known one."""
    scaled = log_odds.astype(float) * platt[:, 0] + platt[:, 1]
    if exclusive:
        return float(-log_softmax(scaled, axis=1)[labels == 1].mean())
    known = ~np.isnan(labels)
    return float(-np.where(labels == 1, log_expit(scaled), log_expit(-scaled))[known].mean())


def _least(loss, labels, log_odds, *, shifts):
    """[log scale, shifts...] of the least loss with the prior; the loss is convex in the shifts, and smooth."""
    widths = np.array([LOG_SCALE, *[SHIFT] * shifts])

    def penalised(parameters):
        value, slope = loss(parameters, labels, log_odds.astype(float))
        return value + 0.5 * ((parameters / widths) ** 2).sum(), slope + parameters / widths**2

    return minimize(penalised, np.zeros(1 + shifts), jac=True, method="BFGS", options={"gtol": 1e-8}).x


def _loss(parameters, truth, log_odds):
    """The cross-entropy of one label, summed over the films, and its slope."""
    scale, shift = np.exp(parameters[0]), parameters[1]
    scaled = scale * log_odds + shift
    error = expit(scaled) - truth
    value = -np.where(truth == 1, log_expit(scaled), log_expit(-scaled)).sum()
    return value, np.array([(error * log_odds).sum() * scale, error.sum()])


def _exclusive_loss(parameters, labels, log_odds):
    scale, shift = np.exp(parameters[0]), parameters[1:]
    log_probability = log_softmax(scale * log_odds + shift, axis=1)
    error = np.exp(log_probability) - (labels == 1)
    value = -log_probability[labels == 1].sum()
    return value, np.array([(error * log_odds).sum() * scale, *error.sum(axis=0)])


def _rounded(log_scale, shift):
    """Without the digits in which CPUs differ (+ 0: no -0.0)."""
    return round(float(np.exp(log_scale)), 6), round(float(shift), 6) + 0.0
