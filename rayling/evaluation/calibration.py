"""Calibration: from the logits of a network and two numbers a label, probabilities that match frequencies.

Platt 1999, "Probabilistic outputs for support vector machines": p = sigmoid(scale · logit + shift), fitted on data
that the network was not trained on, here dev. For classes that exclude one another the same with softmax: temperature
scaling (Guo et al. 2017, section 4.2), which has one scale for all, with a bias for each class. `results.calibrated`
applies both. N images, K labels.

The shifts of classes carry how common each class is in dev. Where a network is used, the mix is another one, and mostly
unknown. With the class mix `train` only the scale is fitted, which changes no decision: the most probable class is the
one of the network itself, and it assumes the mix of its training epochs (`balance`).
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from rayling.evaluation import results, thresholds
from rayling.evaluation.auroc import by_label, has_both
from rayling.evaluation.results import Calibration

MAX_F1 = {"f1": "max"}
IDENTITY = (1.0, 0.0)  # leaves the logit as it is


def choose(
    names: list[str],
    labels: np.ndarray,
    logits: np.ndarray,
    *,
    exclusive: bool,
    class_mix: str = "dev",
    operating_point: Mapping | str = MAX_F1,
) -> Calibration:
    """The calibration and the thresholds of the K `names`, from labels and logits (N, K) of dev.

    `class_mix` is `dev` or `train`, for exclusive classes alone; the `operating_point` is for the others.
    """
    if exclusive:
        return Calibration(names, fit_exclusive(labels, logits, shifts=class_mix == "dev"), None, exclusive=True)
    platt = fit(labels, logits)
    name, points = thresholds.choose(operating_point, names, labels, results.calibrated(logits, platt))
    return Calibration(names, platt, points[name], operating_point=name, operating_points=points)


def fit(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """The [scale, shift] of each label, (K, 2), scale above 0, for the least cross-entropy on this data.

    `labels` is (N, K) of 1, 0 or NaN (ignored); `logits` is (N, K). `IDENTITY` for a label without a positive or a
    negative, with equal logits, or ranked no better than by chance. The same data give the same bytes.
    Raises ValueError if shapes differ or a logit with a known label is not finite.
    """
    _check(labels, logits)
    return np.array([_fit(truth, logit) for truth, logit in by_label(labels, logits.astype(float))])


def _fit(truth, logit):
    if not has_both(truth) or np.ptp(logit) == 0:
        return IDENTITY
    target = _targets(truth)
    # scikit-learn takes no target t between 0 and 1: each row stands twice, positive with weight t, negative with 1 - t
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)  # no penalty
    model.fit(np.tile(logit, 2)[:, None], np.repeat([1, 0], len(logit)), np.concatenate([target, 1 - target]))
    scale, shift = _rounded(model.coef_.item(), model.intercept_.item())
    # A scale of 0 or below means that dev is ranked no better than by chance. It would tie or reverse the ranking:
    # calibration would change AUROC, and a network that failed would look repaired.
    return (scale, shift) if scale > 0 else IDENTITY


def _targets(truth):
    """Platt's smoothed targets (n,), just below 1 and above 0: a separable dev would ask for an infinite scale."""
    positives = truth.sum()
    negatives = len(truth) - positives
    return np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def fit_exclusive(labels: np.ndarray, logits: np.ndarray, *, shifts: bool = True) -> np.ndarray:
    """The [scale, shift] of each class, (K, 2), for the least cross-entropy of softmax(scale · logits + shift).

    The scale, above 0, is the same for all; the shifts, which matter up to a constant, have the mean 0. `labels` (N, K)
    and `logits` (N, K) as in `fit`; a row without a positive is ignored. Without `shifts` these are 0. `IDENTITY` for
    all if a class has no positive, if the logits do not differ between the rows, or if they rank no better than by
    chance.
    """
    _check(labels, logits)
    there = (labels == 1).any(axis=1)
    truth, scores = labels[there] == 1, logits[there].astype(float)
    scores -= scores.mean(axis=1, keepdims=True)  # softmax does not see it
    spread = scores.std(axis=0).max(initial=0) if len(scores) else 0
    if not truth.any(axis=0).all() or spread < 1e-9:
        return np.tile(IDENTITY, (labels.shape[1], 1))
    found = _least_cross_entropy(_class_targets(truth), scores / spread, shifts=shifts)
    if found is None or found[0] <= 0:
        return np.tile(IDENTITY, (labels.shape[1], 1))
    shifts = found[1:] - found[1:].mean()
    return np.array([_rounded(found[0] / spread, shift) for shift in shifts])


def _least_cross_entropy(target: np.ndarray, scores: np.ndarray, *, shifts: bool) -> np.ndarray | None:
    """[scale, shift of each class] (1 + K,) for targets and scores (N, K); the first shift is 0. None if none is found.

    The cross-entropy is convex, and its minimum unique and finite, because no target is 0. Without `shifts` all are 0.
    """
    count, classes = scores.shape
    # the logits are linear in the parameters: of class k, (score of k, 1 at the shift of k)
    design = np.concatenate([scores[:, :, None], np.tile(np.eye(classes)[:, 1:], (count, 1, 1))], axis=2)  # (N, K, K)
    design = design if shifts else design[:, :, :1]

    def loss_and_slope(parameters):
        log_probability = log_softmax(design @ parameters, axis=1)
        error = np.exp(log_probability) - target
        return -(target * log_probability).sum() / count, np.einsum("nk,nkp->p", error, design) / count

    def curvature(parameters):
        probability = np.exp(log_softmax(design @ parameters, axis=1))
        off_mean = design - np.einsum("nk,nkp->np", probability, design)[:, None]
        return np.einsum("nk,nkp,nkq->pq", probability, off_mean, off_mean) / count

    start = np.eye(design.shape[2])[0]  # scale 1, no shifts
    found = minimize(loss_and_slope, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-8})
    return np.array([found.x[0], 0, *(found.x[1:] if shifts else np.zeros(classes - 1))]) if found.success else None


def _class_targets(truth):
    """Platt's targets for K classes (N, K): (n + 1) / (n + K) for the class of a row, of which dev has n rows, and
    1 / (n + K) for each other. With two classes they are `_targets`."""
    rows = truth.sum(axis=0)[truth.argmax(axis=1)][:, None]
    return (truth * rows + 1) / (rows + truth.shape[1])


def _rounded(scale, shift):
    """Without the last digits, in which BLAS differs between CPUs, the numbers mostly agree (+ 0: no -0.0)."""
    return float(f"{scale:.9g}"), round(shift, 9) + 0.0


def _check(labels, logits):
    if labels.shape != logits.shape:
        raise ValueError(f"logits of shape {logits.shape}, expected {labels.shape} as of the labels")
    if not np.isfinite(logits[~np.isnan(labels)]).all():
        raise ValueError("a logit with a known label is NaN or infinite, expected a number")
