"""AUROC, from its definition."""

import itertools

import numpy as np
import pytest

from rayling.evaluation import auroc
from tests.evaluation.drawn import split


def slow_auroc(truth, score):
    """Every pair of a positive and a negative, counted."""
    pairs = list(itertools.product(score[truth == 1], score[truth == 0]))
    return sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)


def test_auroc_is_the_share_of_pairs_in_order(rng):
    labels, scores = split(rng, images=80, unknown=0.2, decimals=1)
    expected = [slow_auroc(truth, score) for truth, score in zip(labels.T, scores.T, strict=True)]
    assert auroc.per_label(labels, scores) == pytest.approx(expected)
    assert auroc.macro(labels, scores) == pytest.approx(np.mean(expected))


def test_auroc_is_none_without_both_classes():
    labels = np.array([[1, 0, 1, np.nan], [1, 0, 0, np.nan]], np.float32)
    scores = np.array([[0.1, 0.2, 0.9, 0.3], [0.4, 0.5, 0.6, 0.7]])
    assert auroc.per_label(labels, scores) == [None, None, 1.0, None]
    assert auroc.macro(labels, scores) == 1.0
    assert auroc.macro(labels[:, :2], scores[:, :2]) is None


def test_auroc_refuses_other_shapes_and_nan_scores(rng):
    labels, scores = split(rng)
    with pytest.raises(ValueError):
        auroc.per_label(labels, scores[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        auroc.per_label(labels, np.full_like(scores, np.nan))
