"""Operating points: by what the thresholds of a network are chosen, on dev.

A point is named as in `params.yaml`: `f1=max`, `sensitivity=0.95`, `specificity=0.9`, or `thresholds` that the user
gives. N images, K labels. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1. A label
is found if `probability >= threshold`.
"""

from collections.abc import Mapping

import numpy as np

from rayling.evaluation import metrics
from rayling.evaluation.auroc import by_label

# every network's file has these, beside the point that `operating_point` asks for
STANDARD = ({"f1": "max"}, {"sensitivity": 0.95}, {"specificity": 0.9})
DIGITS = 1e6  # thresholds have six digits, as reports write them: a reader of those must decide the same


def choose(
    point: Mapping, names: list[str], labels: np.ndarray, probabilities: np.ndarray
) -> tuple[str, dict[str, np.ndarray]]:
    """The name of `point`, and the thresholds (K,) of this and of the `STANDARD` points by their names.

    `point` is the parameter `operating_point`: one key with its value.
    """
    points = {name_of(each): each for each in (point, *STANDARD)}
    found = {name: _thresholds(each, names, labels, probabilities) for name, each in points.items()}
    return name_of(point), found


def name_of(point: Mapping) -> str:
    """`{sensitivity: 0.95}` -> `sensitivity=0.95`; `thresholds` for those of the user."""
    ((key, value),) = point.items()
    return key if key == "thresholds" else f"{key}={value}"


def _thresholds(point: Mapping, names: list[str], labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    ((key, value),) = point.items()
    if key == "thresholds":
        return np.array([float(value[name]) for name in names])
    if key == "f1":
        return np.floor(metrics.thresholds(labels, probabilities) * DIGITS) / DIGITS
    rule = {"sensitivity": _by_sensitivity, "specificity": _by_specificity}[key]
    return np.array([rule(truth, score, value) for truth, score in by_label(labels, probabilities)])


def _by_sensitivity(truth: np.ndarray, score: np.ndarray, share: float) -> float:
    """The highest threshold at which at least this share of the positives is found; 0.5 if there is none."""
    found = np.sort(score[truth == 1])[::-1]
    return float(np.floor(found[_count(share, found) - 1] * DIGITS) / DIGITS) if len(found) else 0.5


def _by_specificity(truth: np.ndarray, score: np.ndarray, share: float) -> float:
    """The lowest threshold at which at least this share of the negatives is left alone; 0.5 if there is none.

    It is at most 1, so negatives with a probability of 1 are found at any threshold.
    """
    left_alone = np.sort(score[truth == 0])
    if not len(left_alone):
        return 0.5
    # above the number that the predictions of six digits show
    return float(min(1, (np.round(left_alone[_count(share, left_alone) - 1] * DIGITS) + 1) / DIGITS))


def _count(share: float, images: np.ndarray) -> int:
    """The least number of images that is this share of them: 7 of 10 for 0.7, though 0.7 * 10 is above 7."""
    return max(1, int(np.ceil(share * len(images) - 1e-9)))
