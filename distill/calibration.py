"""Platt scaling: probabilities that mean what they say, from the logits of a network and two numbers a label.

Platt 1999, "Probabilistic outputs for support vector machines": p = sigmoid(scale · logit + shift), fitted on data
that the network was not trained on, here dev. N images, K labels; `platt` is (K, 2) of [scale, shift].
"""

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from distill.auroc import by_label, has_both

IDENTITY = (1.0, 0.0)  # leaves the logit as it is


def fit(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The [scale, shift] of each label, (K, 2), scale above 0, for the least cross-entropy on this data.

    `labels` is (N, K) of 1, 0 or NaN, and an entry that is NaN has no say; `logits` is (N, K) of any numbers.
    `IDENTITY` for a label that has nothing to be fitted to (`_fit` says when). The same data give the same bytes.
    Raises ValueError if shapes differ or a logit with a known label is not finite.
    """
    if labels.shape != logits.shape:
        raise ValueError(f"logits of shape {logits.shape}, expected {labels.shape} as of the labels")
    if not np.isfinite(logits[~np.isnan(labels)]).all():
        raise ValueError("a logit with a known label is NaN or infinite, expected a number")
    return np.array([_fit(truth, logit) for truth, logit in by_label(labels, logits.astype(float))])


def apply(logits: np.ndarray, platt: np.ndarray | list[list[float]]) -> np.ndarray:
    """The calibrated probabilities (N, K) in 0..1 of logits (N, K).

    In float64, where distinct logits stay distinct twice as far out as in float32: the ranking is that of the logits.
    """
    scale, shift = np.asarray(platt, float).T
    return expit(logits.astype(float) * scale + shift)


def _fit(truth, logit):
    if not has_both(truth) or np.ptp(logit) == 0:
        return IDENTITY
    target = _targets(truth)
    # A target between 0 and 1 is a row twice: as a positive of weight t and as a negative of weight 1 - t.
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)  # C without end is no penalty
    model.fit(np.tile(logit, 2)[:, None], np.repeat([1, 0], len(logit)), np.concatenate([target, 1 - target]))
    # BLAS rounds otherwise on another CPU: without its last digits the two mostly agree there (+ 0: no -0.0)
    scale, shift = float(f"{model.coef_.item():.9g}"), round(model.intercept_.item(), 9) + 0.0
    # Dev ranks this label no better than chance. A scale below 0 would turn the ranking round and one of 0 would
    # tie everything: AUROC would be another one after calibration, and a network that failed would look mended.
    return (scale, shift) if scale > 0 else IDENTITY


def _targets(truth):
    """Platt's smoothed targets (n,): a positive is not surely 1, else a separable dev would ask for infinite scale."""
    positives = truth.sum()
    negatives = len(truth) - positives
    return np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
