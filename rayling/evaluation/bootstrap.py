"""Confidence intervals of scores by the bootstrap over patients.

N images, P patients, B resamples. A resample is a weight for each image: how often it was drawn.
"""

import numpy as np


def patient_weights(patients: np.ndarray, *, seed: int, resamples: int) -> np.ndarray:
    """How often each image was drawn in each resample, (B, N): P patients are drawn with replacement.

    `patients` (N,) are identifiers. The images of a patient are drawn together, because they are not independent.
    """
    _, patient = np.unique(patients, return_inverse=True)
    count = patient.max() + 1
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.multinomial(count, np.full(count, 1 / count), size=resamples)  # (B, P)
    return drawn[:, patient].astype(float)


def macro_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`auroc.macro` (B,) in each resample, for `weights` (B, N): over the labels that have both classes in it."""
    each = [weighted_auroc(truth, score, weights) for truth, score in zip(labels.T, scores.T, strict=True)]
    return np.ma.masked_invalid(each).mean(axis=0).filled(np.nan)


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


def interval(name: str, resampled: np.ndarray) -> dict[str, float | None]:
    """The 95 % interval of a score, resampled (B,), as `<name>_low` and `<name>_high`: its 2.5 % and 97.5 % quantiles.

    Resamples in which the score is NaN are left out; both ends are None if it is NaN in all.
    """
    defined = resampled[~np.isnan(resampled)]
    low, high = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
