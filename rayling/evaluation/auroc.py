"""The area under the receiver operating characteristic curve (AUROC), for labels that are partly unknown.

A file of its own, beside `metrics.py`, because the training loop chooses the best epoch by AUROC on dev: DVC would
otherwise train every network again when a number is added to the report. It does not use scikit-learn, whose import
takes every training a second.

N images, K labels. `labels` is (N, K) of 1, 0 or NaN (unknown); unknown entries are ignored.
"""

from collections.abc import Iterator

import numpy as np


def by_label(labels: np.ndarray, scores: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each label its known entries (1 or 0) and their scores, both (n,)."""
    for truth, score in zip(labels.T, scores.T, strict=True):
        known = ~np.isnan(truth)
        yield truth[known], score[known]


def has_both(truth: np.ndarray) -> bool:
    """Whether known entries (n,) hold a positive and a negative, without which a ranking has no score."""
    return 0 < truth.sum() < len(truth)


def mean_defined(values: list[float | None]) -> float | None:
    """The mean of the values that are not None; None if all are."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def per_label(labels: np.ndarray, scores: np.ndarray) -> list[float | None]:
    """The AUROC of each label, 0..1: the probability that a positive ranks above a negative, a tie counting half.

    `scores` (N, K) are logits or probabilities. None for a label without a known positive or a known negative. Raises
    ValueError if shapes differ or a score with a known label is NaN.
    """
    return [_area(truth, score) if has_both(truth) else None for truth, score in by_label(labels, scores)]


def _area(truth: np.ndarray, score: np.ndarray) -> float:
    """The share of all pairs of a positive and a negative in which the positive is above, a tie counting half."""
    if np.isnan(score).any():
        raise ValueError("a score is NaN, expected numbers")
    positives, negatives = score[truth == 1], np.sort(score[truth == 0])
    below, not_above = (int(np.searchsorted(negatives, positives, side).sum()) for side in ("left", "right"))
    return (below + not_above) / (2 * len(positives) * len(negatives))


def macro(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """The unweighted mean of `per_label` over the labels that have an AUROC; None if none has."""
    return mean_defined(per_label(labels, scores))
