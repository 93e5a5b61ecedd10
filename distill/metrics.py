"""The metrics of a network on one split, and the thresholds that turn its probabilities into answers.

Shapes: N images, K labels. `labels` is (N, K) of 1, 0 or NaN, and an
entry that is NaN has no say in any number here. `probabilities` is (N, K) in 0..1. The decision is
`probability >= threshold`.
"""

import numpy as np
from sklearn.metrics import average_precision_score, confusion_matrix_at_thresholds

from distill.auroc import by_label, has_both, mean_defined

BINS = 10  # of the calibration error: equal width over 0..1


def thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Per label the probability (K,) at or above which to answer "present", for the highest F1 on this data.

    Among equals the lowest, because a missed finding costs more than a second look. 0.5 for a label
    without a known positive, where F1 is 0 whatever the threshold.
    """
    return np.array([_threshold(truth, score) for truth, score in by_label(labels, probabilities)])


def _threshold(truth, score):
    if not truth.any():
        return 0.5
    _, fp, fn, tp, candidates = confusion_matrix_at_thresholds(truth, score)
    f1 = 2 * tp / (2 * tp + fp + fn)
    return candidates[f1 == f1.max()].min()


def constant_answer(labels: np.ndarray) -> np.ndarray:
    """The best answer (K,) of bools that ignores the image: always the k commonest labels, and no other.

    k is chosen for the highest micro F1 on this data. No other constant answer has a higher one: micro F1
    is 2·TP / (2·TP + FP + FN), so answering a label raises it exactly if the label's prevalence exceeds
    half of the best F1 (Lipton et al. 2014, "Optimal thresholding of classifiers to maximize F1 measure").
    """
    rank = np.argsort(np.argsort(-prevalence(labels), kind="stable"))  # 0 is the commonest
    answers = rank <= np.arange(len(rank))[:, None]  # (K, K): row 0 answers one label, the last row all
    micro = [averages(*counts(labels, answer))["f1"]["micro"] for answer in answers]
    return answers[np.argmax(micro)]


def prevalence(labels: np.ndarray) -> np.ndarray:
    """The share (K,) of positives among a label's known entries; 0 where none is known."""
    return _ratio((labels == 1).sum(axis=0), (~np.isnan(labels)).sum(axis=0))


def counts(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray | None = None) -> tuple:
    """True positives, false positives and false negatives, each (..., K).

    `decided` is the answers, bool (N, K) or (K,); `weights` (..., N) says how often each image counts,
    once unless given.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    present, absent = labels == 1, labels == 0  # both false where the label is unknown
    return weights @ (present & decided), weights @ (absent & decided), weights @ (present & ~decided)


def averages(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Precision, recall and F1 from counts (..., K): `per_label` (..., K), the three averages (...).

    scikit-learn's definitions with `zero_division=0`, except that `macro` is over the labels that have a
    positive, as it is for AUROC. scikit-learn itself cannot leave out single entries of a label matrix.
    """
    positives = tp + fn
    each, pooled = _scores(tp, fp, fn), _scores(tp.sum(-1), fp.sum(-1), fn.sum(-1))
    return {
        score: {
            "micro": pooled[score],
            "macro": _ratio((each[score] * (positives > 0)).sum(-1), (positives > 0).sum(-1)),
            "weighted": _ratio((each[score] * positives).sum(-1), positives.sum(-1)),
            "per_label": each[score],
        }
        for score in ("precision", "recall", "f1")
    }


def samples(labels: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of each image over its known labels, then the mean over images, 0..1.

    scikit-learn's average `samples` with `zero_division=0`: an image without a finding, of which none is answered,
    counts as 0. An image without a known label is left out. `decided` is bool (N, K) or (K,).
    """
    each = _scores(*counts(labels.T, np.broadcast_to(decided, labels.shape).T))
    judged = ~np.isnan(labels).all(axis=1)
    return {score: float(_ratio(values[judged].sum(), judged.sum())) for score, values in each.items()}


def _scores(tp, fp, fn):
    return {
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def _ratio(part, whole):
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> list[float | None]:
    """scikit-learn's average precision of each label, 0..1; None where AUROC is None too."""
    return [
        float(average_precision_score(truth, score)) if has_both(truth) else None
        for truth, score in by_label(labels, probabilities)
    ]


def reliability(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each of the `BINS` bins of probability: entries, mean probability, share of positives, all (BINS,).

    `truth` and `probability` are (n,), all known. A bin includes its lower edge, and the last one includes 1.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    size = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, weights=probability, minlength=BINS)
    observed = np.bincount(bins, weights=truth, minlength=BINS)
    return size, _ratio(predicted, size), _ratio(observed, size)


def calibration_error(truth: np.ndarray, probability: np.ndarray) -> float | None:
    """Expected calibration error, 0..1: mean |observed - predicted| over `reliability`, weighted by entries.

    Guo et al. 2017, section 2, for a binary label: the probability of "present" stands for their confidence,
    the share of positives for their accuracy. None if nothing is known.
    """
    size, predicted, observed = reliability(truth, probability)
    return float(np.average(np.abs(observed - predicted), weights=size)) if len(truth) else None


def mean_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """The mean of `calibration_error` over the labels of which something is known; None if nothing is."""
    return mean_defined([calibration_error(*known) for known in by_label(labels, probabilities)])


def cooccurrence(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Which label is answered when which is true, (K + 1, K) in 0..1, NaN where there is no such image.

    Row i, column j: of the images where i is present and j is known, the share for which j is answered; the
    diagonal is recall. The last row is of images whose labels are all known to be absent. For classes that
    exclude one another it reads as a confusion matrix.
    """
    rows = np.column_stack([labels == 1, (labels == 0).all(axis=1)]).astype(float)  # (N, K + 1)
    known = ~np.isnan(labels)
    images = rows.T @ known
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is promised
        return rows.T @ (known & decided) / images
