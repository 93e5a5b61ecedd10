"""Differences of two networks on the same images, with intervals by a paired bootstrap over patients.

It is one training of each, so the intervals do not know how much either would change with its seed. N images, K labels,
B resamples. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored); probabilities are (N, K) in 0..1.
"""

from collections.abc import Callable

import numpy as np

from rayling.evaluation import bootstrap
from rayling.evaluation.metrics import accuracies, averages, counts
from rayling.evaluation.results import decisions


def accuracy(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The accuracy (B,) of the most probable class in each resample; NaN where no image has a known class."""
    found = accuracies(averages(*counts(labels, decisions(probabilities, None), weights)))["accuracy"]
    return np.where(weights @ (labels == 1).any(axis=1) > 0, found, np.nan)


def differences(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    groups: np.ndarray,
    exclusive: bool,
    seed: int,
    resamples: int = 500,
) -> dict[str, float | None]:
    """What one network has more than another in macro AUROC, in macro average precision, and in accuracy where classes
    are `exclusive`, each with the ends of its 95 % interval, `*_low` and `*_high`.

    `first` and `second` are the calibrated probabilities of both; `groups` (N,) as in `bootstrap`. None where the data
    does not define it.
    """
    weights = bootstrap.patient_weights(groups, seed=seed, resamples=resamples)
    scores = {"auroc": bootstrap.macro_auroc, "average_precision": bootstrap.macro_average_precision}
    scores |= {"accuracy": accuracy} if exclusive else {}
    found = {}
    for name, score in scores.items():
        found |= difference(name, score, labels, first, second, groups=groups, weights=weights)
    return found


def difference(
    name: str,
    score: Callable,
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    groups: np.ndarray,
    weights: np.ndarray,
) -> dict[str, float | None]:
    """`score` of the first less that of the second, as `name`, `<name>_low` and `<name>_high`.

    `score` is a function of labels, probabilities and `weights` (B, N), such as `bootstrap.macro_auroc`. None if it is
    not defined; the interval also if no label has `bootstrap.FEWEST` patients of both classes.
    """
    once = np.ones((1, len(labels)))
    found = (score(labels, first, once) - score(labels, second, once)).item()
    drawn = score(labels, first, weights) - score(labels, second, weights)
    ends = bootstrap.interval(name, drawn, enough=bootstrap.enough(labels, groups).any())
    return {name: None if np.isnan(found) else found, **ends}
