"""Metrics of a network on one split, and the thresholds that turn its probabilities into decisions.

N images, K labels. `labels` is (N, K) of 1, 0 or NaN (unknown); unknown entries are ignored. `probabilities` is (N, K)
in 0..1. A label is predicted if `probability >= threshold`; of classes that exclude one another, the most probable one
(`results.decisions`).
"""

import numpy as np
from sklearn.metrics import average_precision_score, confusion_matrix_at_thresholds

from rayling.evaluation.auroc import by_label, has_both, mean_defined

BINS = 10  # of the calibration error: equal width over 0..1


def thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The threshold (K,) of each label with the highest F1 on this data.

    Of equally good thresholds the lowest, because a missed finding costs more than a second look. 0.5 for a label
    without a known positive: its F1 is 0 for any threshold.
    """
    return np.array([_threshold(truth, score) for truth, score in by_label(labels, probabilities)])


def _threshold(truth, score):
    if not truth.any():
        return 0.5
    _, fp, fn, tp, candidates = confusion_matrix_at_thresholds(truth, score)
    f1 = 2 * tp / (2 * tp + fp + fn)
    return candidates[f1 == f1.max()].min()


def constant_answer(labels: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """The best decision that ignores the image, bool (K,): always the k most frequent labels, and no other.

    Of `exclusive` classes the most frequent one, which has the highest accuracy on this data. Else k is chosen for the
    highest micro F1 on this data. No other constant decision has a higher one: micro F1 is 2·TP / (2·TP + FP + FN), so
    predicting a label raises it exactly if the label's prevalence exceeds half of the best F1 (Lipton et al. 2014,
    "Optimal thresholding of classifiers to maximize F1 measure").
    """
    frequency = (labels == 1).sum(axis=0) if exclusive else prevalence(labels)
    rank = np.argsort(np.argsort(-frequency, kind="stable"))  # 0 is the most frequent
    if exclusive:
        return rank == 0
    answers = rank <= np.arange(len(rank))[:, None]  # (K, K): row 0 predicts one label, the last row all
    micro = [averages(*counts(labels, answer))["f1"]["micro"] for answer in answers]
    return answers[np.argmax(micro)]


def prevalence(labels: np.ndarray) -> np.ndarray:
    """The share (K,) of positives among the known entries of each label; 0 where none is known."""
    return _ratio((labels == 1).sum(axis=0), (~np.isnan(labels)).sum(axis=0))


def counts(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray | None = None) -> tuple:
    """The numbers of true positives, false positives and false negatives of each label, each (..., K).

    `decided` are the decisions, bool (N, K) or (K,). `weights` (..., N) is how often each image counts, by default
    once.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    present, absent = labels == 1, labels == 0  # both false where the label is unknown
    return weights @ (present & decided), weights @ (absent & decided), weights @ (present & ~decided)


def averages(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Precision, recall and F1 from counts (..., K): `per_label` (..., K), and their averages (...), all in 0..1.

    The definitions are scikit-learn's with `zero_division=0`, except that `macro` is over the labels with a positive,
    as for AUROC. scikit-learn itself cannot leave out single entries of a label matrix.
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


def accuracies(scores: dict[str, dict]) -> dict[str, np.ndarray]:
    """Accuracy and balanced accuracy (...), 0..1, from the `averages` of classes that exclude one another.

    Each row has one class and one answer, so accuracy is recall over all rows, and balanced accuracy is by definition
    the mean recall of the classes. A row without a known class counts in neither.
    """
    return {"accuracy": scores["recall"]["micro"], "balanced_accuracy": scores["recall"]["macro"]}


def samples(labels: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    """The mean over images of precision, recall and F1 of each image's known labels, 0..1.

    This is scikit-learn's average `samples` with `zero_division=0`: an image without a positive label and without a
    predicted one counts as 0. Images without a known label are left out. `decided` is bool (N, K) or (K,).
    """
    each = _scores(*counts(labels.T, np.broadcast_to(decided, labels.shape).T))
    known = ~np.isnan(labels).all(axis=1)
    return {score: float(_ratio(values[known].sum(), known.sum())) for score, values in each.items()}


def _scores(tp, fp, fn):
    return {
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
    }


def _ratio(part, whole):
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> list[float | None]:
    """scikit-learn's average precision of each label, 0..1; None where AUROC is None."""
    return [
        float(average_precision_score(truth, score)) if has_both(truth) else None
        for truth, score in by_label(labels, probabilities)
    ]


def reliability(truth: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The number of entries in each bin of probability, their mean probability and share of positives, all (BINS,).

    `truth` and `probability` are (n,), all known. A bin includes its lower edge; the last bin includes 1.
    """
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    size = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, weights=probability, minlength=BINS)
    observed = np.bincount(bins, weights=truth, minlength=BINS)
    return size, _ratio(predicted, size), _ratio(observed, size)


def calibration_error(truth: np.ndarray, probability: np.ndarray) -> float | None:
    """Expected calibration error, 0..1: the mean of |observed - predicted| over bins, weighted by their entries.

    Guo et al. 2017, section 2, for a binary label: the probability replaces their confidence, the share of positives
    their accuracy. `truth` and `probability` are (n,), all known. None if they are empty.
    """
    size, predicted, observed = reliability(truth, probability)
    return float(np.average(np.abs(observed - predicted), weights=size)) if len(truth) else None


def mean_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """The mean of `calibration_error` over the labels with a known entry; None if there is none."""
    return mean_defined([calibration_error(*known) for known in by_label(labels, probabilities)])


def cooccurrence(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Which labels are predicted where which are true: (K + 1, K) in 0..1, NaN where there is no such image.

    Row i, column j: of the images where label i is positive and label j is known, the share for which j is predicted.
    The diagonal is recall. The last row is for images whose labels are all known to be negative.
    """
    rows = np.column_stack([labels == 1, (labels == 0).all(axis=1)]).astype(float)  # (N, K + 1)
    known = ~np.isnan(labels)
    images = rows.T @ known
    with np.errstate(invalid="ignore"):  # 0 / 0 gives NaN, as documented
        return rows.T @ (known & decided) / images


def confusion(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """How many images of class i are taken for class j, int (K, K), for classes that exclude one another.

    `decided` are the decisions, bool (N, K). Images without a known class are left out.
    """
    return (labels == 1).T.astype(int) @ decided
