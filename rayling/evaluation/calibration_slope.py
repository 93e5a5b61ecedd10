"""Calibration intercept and slope: what a logistic regression makes of the calibrated probabilities.

Cox 1958, "Two further applications of a model for binary regression"; Van Calster et al. 2019, "Calibration: the
Achilles heel of predictive analytics". Ideal are intercept 0 and slope 1. N images, K labels.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from rayling.evaluation.auroc import by_label, has_both, mean_defined

CLOSEST = 1e-12  # to 0 and to 1: a probability there would have no logit


def slope_scores(names: list[str], labels: np.ndarray, probabilities: np.ndarray) -> dict[str, dict]:
    """`calibration_intercept` and `calibration_slope`, each `macro`, the mean over the labels that have one, and
    `per_label`; of exclusive classes each class against the rest.

    `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1.
    """
    known = list(by_label(labels, np.clip(probabilities, CLOSEST, 1 - CLOSEST)))
    found = {
        "calibration_intercept": [intercept(truth, logit(probability)) for truth, probability in known],
        "calibration_slope": [slope(truth, logit(probability)) for truth, probability in known],
    }
    return {
        score: {"macro": mean_defined(values), "per_label": dict(zip(names, values, strict=True))}
        for score, values in found.items()
    }


def intercept(truth: np.ndarray, logits: np.ndarray) -> float | None:
    """Calibration-in-the-large: the a for which sigmoid(a + logit) is on average the share of positives.

    That is the intercept of a logistic regression with the slope 1. Above 0, the probabilities are too low. `truth` and
    `logits` are (n,), all known. None if they lack a class.
    """
    if not has_both(truth):
        return None
    share = truth.mean()
    ends = logit(share) - logits.max() - 1, logit(share) - logits.min() + 1
    return float(brentq(lambda shift: expit(logits + shift).mean() - share, *ends, xtol=1e-12))


def slope(truth: np.ndarray, logits: np.ndarray) -> float | None:
    """The b of the logistic regression sigmoid(a + b · logit); below 1, the probabilities are too extreme.

    `truth` and `logits` are (n,), all known. None if they lack a class, or if a threshold separates the classes (Albert
    and Anderson 1984): then the likelihood has no maximum.
    """
    if not has_both(truth):
        return None
    positive, negative = logits[truth == 1], logits[truth == 0]
    if positive.min() >= negative.max() or positive.max() <= negative.min():
        return None
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)  # no penalty
    return model.fit(logits[:, None], truth).coef_.item()
