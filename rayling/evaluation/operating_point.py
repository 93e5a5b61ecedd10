"""What the decisions of a network are worth: the 2x2 table of each label, and the rates that follow from it.

The operating point is that of the thresholds, or of the most probable class. N images, K labels with `names`, B
resamples. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `decided` are the decisions, bool (N, K).
"""

import numpy as np

from rayling.evaluation import bootstrap
from rayling.evaluation.results import Calibration
from rayling.storage.prepared import Split

RATES = {  # of which cells of the table each is the share: of the first in both
    "sensitivity": ("tp", "fn"),
    "specificity": ("tn", "fp"),
    "ppv": ("tp", "fp"),
    "npv": ("tn", "fn"),
}


def all_points(split: Split, probabilities: np.ndarray, calibration: Calibration, *, seed: int) -> dict[str, dict]:
    """The `operating_points` of each label, by the name of every operating point that was chosen on dev.

    `probabilities` (N, K) are calibrated. Empty for classes that exclude one another, which have no thresholds.
    """
    weights = bootstrap.patient_weights(split.group, seed=seed, resamples=500)
    about = {"names": split.names, "labels": split.labels, "groups": split.group, "weights": weights}
    points = calibration.operating_points.items()
    return {name: operating_points(decided=probabilities >= at, **about) for name, at in points}


def operating_points(
    *, names: list[str], labels: np.ndarray, decided: np.ndarray, groups: np.ndarray, weights: np.ndarray
) -> dict[str, dict]:
    """Of each label the numbers of images `tp`, `fp`, `fn` and `tn`, the `RATES`, and both likelihood ratios.

    A rate, 0..1, has a 95 % interval over patients, `*_low` and `*_high`, if it is a share of the images of at least
    `bootstrap.FEWEST` patients: the sensitivity of those with the label, the PPV of those decided to have it. What a
    division by 0 leaves open is None. `weights` (B, N) are the resamples of `groups` (N,), see `bootstrap`.
    """
    cells = _cells(labels, decided)
    columns = {cell: images.sum(axis=0).tolist() for cell, images in cells.items()}
    for rate, (of, other) in RATES.items():
        columns |= _rate(rate, cells[of], cells[other], groups, weights)
    columns |= _likelihood_ratios(columns["sensitivity"], columns["specificity"])
    return {name: {key: column[k] for key, column in columns.items()} for k, name in enumerate(names)}


def _cells(labels: np.ndarray, decided: np.ndarray) -> dict[str, np.ndarray]:
    """Which images are in which cell of the 2x2 table, bool (N, K); in none if the label is unknown."""
    present, absent = labels == 1, labels == 0
    return {"tp": present & decided, "fp": absent & decided, "fn": present & ~decided, "tn": absent & ~decided}


def _rate(name: str, of: np.ndarray, other: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> dict[str, list]:
    """The share of images `of` one cell in two, bool (N, K), and the ends of its interval, each (K,)."""
    share, drawn = _share(of.sum(axis=0), other.sum(axis=0)), _share(weights @ of, weights @ other)
    known = zip(share, drawn.T, bootstrap.count_patients(of | other, groups), strict=True)
    each = [bootstrap.share_interval(name, *pair, patients=patients) for *pair, patients in known]
    ends = {end: [ends[end] for ends in each] for end in (f"{name}_low", f"{name}_high")}
    return {name: np.where(np.isnan(share), None, share).tolist(), **ends}


def _share(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """part / (part + rest), NaN where both are 0."""
    whole = part + rest
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _likelihood_ratios(sensitivity: list, specificity: list) -> dict[str, list]:
    """How many times as likely an answer is with the label as without it (Deeks and Altman 2004, "Diagnostic tests 4:
    likelihood ratios", BMJ 329:168): that of a positive answer and that of a negative one, each (K,)."""
    pairs = list(zip(sensitivity, specificity, strict=True))
    return {
        "positive_likelihood_ratio": [
            None if None in pair or pair[1] == 1 else pair[0] / (1 - pair[1]) for pair in pairs
        ],
        "negative_likelihood_ratio": [
            None if None in pair or pair[1] == 0 else (1 - pair[0]) / pair[1] for pair in pairs
        ],
    }
