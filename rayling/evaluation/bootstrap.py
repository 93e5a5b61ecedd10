"""Confidence intervals of scores by the bootstrap over patients.

N images, K labels, P patients, B resamples. A resample is a weight for each image: how often it was drawn. `labels` is
(N, K) of 1, 0 or NaN (unknown, ignored). `groups` (N,) are the names by which the data were split: one person each,
where people who share a near-duplicate are one (`Split.group`).
"""

from collections.abc import Callable

import numpy as np

FEWEST = 10  # patients of a class that an interval rests on: three can give an AUROC of 0.0 (0.0–0.0)


def patient_weights(groups: np.ndarray, *, seed: int, resamples: int) -> np.ndarray:
    """How often each image was drawn in each resample, (B, N): P patients are drawn with replacement.

    The images of a patient are drawn together, because they are not independent.
    """
    _, patient = np.unique(groups, return_inverse=True)
    count = patient.max() + 1
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=resamples)  # (B, P)
    return drawn[:, patient].astype(float)


def count_patients(chosen: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The number of patients (K,) with an image that is chosen, bool (N, K)."""
    _, patient = np.unique(groups, return_inverse=True)
    return np.array([len(np.unique(patient[column])) for column in chosen.T])


def enough(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether there are `FEWEST` patients with each label and as many without it, bool (K,)."""
    return np.minimum(count_patients(labels == 1, groups), count_patients(labels == 0, groups)) >= FEWEST


def per_label(score: Callable, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A score of each label in each resample, (K, B): `weighted_auroc` or `weighted_average_precision`."""
    return np.array([score(truth, each, weights) for truth, each in zip(labels.T, scores.T, strict=True)])


def macro(each: np.ndarray) -> np.ndarray:
    """The mean over the labels (B,) of what `per_label` returned; of those that have both classes in the resample."""
    return np.ma.masked_invalid(each).mean(axis=0).filled(np.nan)


def macro_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`auroc.macro` (B,) in each resample, for `weights` (B, N)."""
    return macro(per_label(weighted_auroc, labels, scores, weights))


def macro_average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean of `metrics.average_precision` (B,) in each resample, for `weights` (B, N)."""
    return macro(per_label(weighted_average_precision, labels, scores, weights))


def weighted_auroc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The AUROC (B,) of one label, `truth` and `score` (N,), in each resample, for `weights` (B, N).

    Equal to `roc_auc_score(truth, score, sample_weight=weights[i])`, but the scores are sorted once for all resamples.
    NaN where a class has no weight.
    """
    positive, negative = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    negative = negative[np.argsort(score[negative])]
    below = np.pad(np.cumsum(weights[:, negative], axis=1), ((0, 0), (1, 0)))  # (B, negatives + 1)
    lower = below[:, np.searchsorted(score[negative], score[positive], side="left")]  # (B, positives)
    not_higher = below[:, np.searchsorted(score[negative], score[positive], side="right")]
    won = (weights[:, positive] * (lower + not_higher) / 2).sum(axis=1)  # a tie counts half
    with np.errstate(invalid="ignore"):  # 0 / 0 gives NaN, as documented
        return won / (weights[:, positive].sum(axis=1) * below[:, -1])


def weighted_average_precision(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The average precision (B,) of one label, `truth` and `score` (N,), in each resample, for `weights` (B, N).

    Equal to `average_precision_score(truth, score, sample_weight=weights[i])`: the mean, over the positives, of the
    precision among all that rank as high or higher. NaN where a class has no weight.
    """
    known = np.flatnonzero(~np.isnan(truth))
    known = known[np.argsort(-score[known])]
    positive = known[truth[known] == 1]
    drawn, thresholds = weights[:, positive], -score[positive]
    predicted = np.cumsum(weights[:, known], axis=1)[:, _last_of_equal(-score[known], thresholds)]  # (B, positives)
    right = np.cumsum(drawn, axis=1)[:, _last_of_equal(thresholds, thresholds)]
    precision = np.divide(right, predicted, out=np.zeros(right.shape), where=predicted > 0)
    total = drawn.sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0 gives NaN, as documented
        found = (drawn * precision).sum(axis=1) / total
    negatives = weights[:, np.flatnonzero(truth == 0)].sum(axis=1)
    return np.where(negatives > 0, found, np.nan)


def _last_of_equal(ranked: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where in `ranked`, in ascending order, each value stands for the last time: equal scores are one threshold."""
    return np.searchsorted(ranked, values, side="right") - 1


def interval(name: str, resampled: np.ndarray, *, enough: bool = True) -> dict[str, float | None]:
    """The 95 % interval of a score, resampled (B,), as `<name>_low` and `<name>_high`: its 2.5 % and 97.5 % quantiles.

    Resamples in which the score is NaN are left out. Both ends are None if it is NaN in all, or if it rests on too few
    patients, not `enough`.
    """
    defined = resampled[~np.isnan(resampled)]
    low, high = np.quantile(defined, [0.025, 0.975]).tolist() if enough and len(defined) else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def share_interval(name: str, share: float, resampled: np.ndarray, *, patients: int) -> dict[str, float | None]:
    """As `interval`, for a share of the images of so many patients, of whom it needs `FEWEST`.

    A share of 0 or 1 is the same in every resample. Its interval is therefore that of Clopper and Pearson 1934, "The
    use of confidence or fiducial limits illustrated in the case of the binomial", for as many patients.
    """
    if patients < FEWEST or share not in (0, 1):
        return interval(name, resampled, enough=patients >= FEWEST)
    farthest = 0.025 ** (1 / patients)
    low, high = (farthest, 1.0) if share == 1 else (0.0, 1 - farthest)
    return {f"{name}_low": low, f"{name}_high": high}
