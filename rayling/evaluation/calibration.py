"""Platt scaling: from the logits of a network and two numbers a label, probabilities that match frequencies.

Platt 1999, "Probabilistic outputs for support vector machines": p = sigmoid(scale · logit + shift), fitted on data
that the network was not trained on, here dev. `results.calibrated` applies it. N images, K labels.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

from rayling.evaluation.auroc import by_label, has_both

IDENTITY = (1.0, 0.0)  # leaves the logit as it is


def fit(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The [scale, shift] of each label, (K, 2), scale above 0, for the least cross-entropy on this data.

    `labels` is (N, K) of 1, 0 or NaN (ignored); `logits` is (N, K). `IDENTITY` for a label without a positive or a
    negative, with equal logits, or ranked no better than by chance. The same data give the same bytes.
    Raises ValueError if shapes differ or a logit with a known label is not finite.
    """
    if labels.shape != logits.shape:
        raise ValueError(f"logits of shape {logits.shape}, expected {labels.shape} as of the labels")
    if not np.isfinite(logits[~np.isnan(labels)]).all():
        raise ValueError("a logit with a known label is NaN or infinite, expected a number")
    return np.array([_fit(truth, logit) for truth, logit in by_label(labels, logits.astype(float))])


def _fit(truth, logit):
    if not has_both(truth) or np.ptp(logit) == 0:
        return IDENTITY
    target = _targets(truth)
    # scikit-learn takes no target t between 0 and 1: each row stands twice, positive with weight t, negative with 1 - t
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)  # no penalty
    model.fit(np.tile(logit, 2)[:, None], np.repeat([1, 0], len(logit)), np.concatenate([target, 1 - target]))
    # BLAS rounds differently on another CPU: without the last digits the numbers mostly agree (+ 0: no -0.0)
    scale, shift = float(f"{model.coef_.item():.9g}"), round(model.intercept_.item(), 9) + 0.0
    # A scale of 0 or below means that dev is ranked no better than by chance. It would tie or reverse the ranking:
    # calibration would change AUROC, and a network that failed would look repaired.
    return (scale, shift) if scale > 0 else IDENTITY


def _targets(truth):
    """Platt's smoothed targets (n,), just below 1 and above 0: a separable dev would ask for an infinite scale."""
    positives = truth.sum()
    negatives = len(truth) - positives
    return np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
