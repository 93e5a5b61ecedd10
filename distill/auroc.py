"""The area under the receiver operating characteristic curve (AUROC), for labels that are partly unknown.

A leaf of its own, beside `metrics.py`: the training loop watches AUROC on the dev split, and DVC would
retrain every network if what it imports changed whenever a number is added to the report.

N images, K labels; `labels` is (N, K) of 1, 0 or NaN, and an entry that is NaN has no say.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import roc_auc_score


def by_label(labels: np.ndarray, scores: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, label by label, the known truths (1 or 0) and their scores, both (number known,)."""
    for truth, score in zip(labels.T, scores.T, strict=True):
        known = ~np.isnan(truth)
        yield truth[known], score[known]


def has_both(truth: np.ndarray) -> bool:
    """Whether known truths (n,) hold a positive and a negative, so that a ranking of them can be judged."""
    return 0 < truth.sum() < len(truth)


def mean_defined(values: list[float | None]) -> float | None:
    """The mean of the values that are not None; None if there is none."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def per_label(labels: np.ndarray, scores: np.ndarray) -> list[float | None]:
    """AUROC in 0..1 of each label: the chance that a positive outranks a negative, a tie counting half.

    `scores` (N, K) may be logits or probabilities. None where a label lacks a known positive or a known
    negative. Raises ValueError if shapes differ or a score with a known label is NaN.
    """
    return [
        float(roc_auc_score(truth, score)) if has_both(truth) else None for truth, score in by_label(labels, scores)
    ]


def macro(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """The unweighted mean of `per_label` over the labels that have an AUROC; None if there is none."""
    return mean_defined(per_label(labels, scores))
