"""How well a network ranks: AUROC and average precision of each label and macro, with 95 % intervals over patients.

N images, K labels with `names`, B resamples.
"""

import numpy as np

from rayling.evaluation import auroc, bootstrap, metrics
from rayling.evaluation.auroc import mean_defined

SCORES = {  # once, and in each resample
    "auroc": (auroc.per_label, bootstrap.weighted_auroc),
    "average_precision": (metrics.average_precision, bootstrap.weighted_average_precision),
}


def ranking_scores(
    *, names: list[str], labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray, weights: np.ndarray
) -> dict[str, dict]:
    """Of each of `SCORES`: `macro` and `per_label`, and the ends of their intervals, `*_low` and `*_high`.

    `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K); `weights` (B, N) are the resamples of
    `groups` (N,), see `bootstrap`. A label without both classes has no score, and one with fewer than
    `bootstrap.FEWEST` patients of a class no interval. The macro average has one if any of its labels has one.
    """
    enough = bootstrap.enough(labels, groups)
    return {
        score: _with_intervals(
            names, once(labels, probabilities), bootstrap.per_label(resampled, labels, probabilities, weights), enough
        )
        for score, (once, resampled) in SCORES.items()
    }


def _with_intervals(names: list[str], values: list, drawn: np.ndarray, enough: np.ndarray) -> dict:
    """A score of the labels, (K,) `values` and (K, B) `drawn`, and its mean."""
    macro = bootstrap.interval("macro", bootstrap.macro(drawn), enough=enough.any())
    each = [
        bootstrap.interval("per_label", resampled, enough=many) for resampled, many in zip(drawn, enough, strict=True)
    ]
    ends = {end: [ends[end] for ends in each] for end in ("per_label_low", "per_label_high")}
    named = {key: dict(zip(names, column, strict=True)) for key, column in {"per_label": values, **ends}.items()}
    return {"macro": mean_defined(values), **macro, **named}
