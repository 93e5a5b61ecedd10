"""How far a number would move with other patients: the bootstrap, with patients drawn as wholes.

Shapes: N images, P patients, B resamples. A resample is a weight for each image: how often it counts.
"""

import numpy as np


def patient_weights(patients: np.ndarray, *, seed: int, resamples: int) -> np.ndarray:
    """How often each image counts in each bootstrap resample, (B, N): P patients drawn with replacement.

    All images of a patient come together, because they are not independent of one another.
    """
    _, patient = np.unique(patients, return_inverse=True)
    number = patient.max() + 1
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = generator.multinomial(number, np.full(number, 1 / number), size=resamples)  # (B, P)
    return drawn[:, patient].astype(float)


def macro_auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`auroc.macro` (B,) under each row of `weights` (B, N): over the labels that have both classes there."""
    each = [weighted_auroc(truth, score, weights) for truth, score in zip(labels.T, scores.T, strict=True)]
    return np.ma.masked_invalid(each).mean(axis=0).filled(np.nan)


def weighted_auroc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUROC (B,) of one label, `truth` and `score` (N,), under each row of `weights` (B, N).

    What `roc_auc_score(truth, score, sample_weight=row)` gives, but the scores are sorted once for all
    rows. NaN where a class has no weight.
    """
    positive, negative = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    negative = negative[np.argsort(score[negative])]
    below = np.pad(np.cumsum(weights[:, negative], axis=1), ((0, 0), (1, 0)))  # (B, negatives + 1)
    lower = below[:, np.searchsorted(score[negative], score[positive], side="left")]  # (B, positives)
    not_higher = below[:, np.searchsorted(score[negative], score[positive], side="right")]
    won = (weights[:, positive] * (lower + not_higher) / 2).sum(axis=1)  # a tie counts half
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is promised
        return won / (weights[:, positive].sum(axis=1) * below[:, -1])


def interval(average: str, resampled: np.ndarray) -> dict[str, float | None]:
    """The 2.5 % and 97.5 % quantiles of a resampled number (B,) as `<average>_low` and `<average>_high`.

    A resample that does not define the number (NaN) is left out; both are None if none does.
    """
    defined = resampled[~np.isnan(resampled)]
    low, high = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else (None, None)
    return {f"{average}_low": low, f"{average}_high": high}
