"""The scores of a network on one split: the content of `metrics/<network>.json`.

N images, K labels with `names`. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1.
"""

import numpy as np

from rayling.evaluation import auroc, bootstrap
from rayling.evaluation.auroc import by_label, mean_defined
from rayling.evaluation.calibration_slope import slope_scores
from rayling.evaluation.metrics import (
    accuracies,
    average_precision,
    averages,
    calibration_error,
    confusion,
    counts,
    mean_calibration_error,
    samples,
)
from rayling.evaluation.operating_point import operating_points
from rayling.evaluation.ranking import ranking_scores
from rayling.evaluation.results import decisions

AVERAGES = ("micro", "macro", "weighted")


def all_scores(
    *,
    names: list[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    uncalibrated: np.ndarray,
    thresholds: np.ndarray | None,
    constant: np.ndarray,
    patients: np.ndarray,
    groups: np.ndarray,
    seed: int,
    resamples: int = 500,
) -> dict:
    """All scores of a network, nested, ready for `write_json` (docs/evaluation.md).

    `probabilities` are calibrated, `uncalibrated` (N, K) those before calibration. `thresholds` (K,) and `constant`,
    bool (K,), are what `metrics.thresholds` and `metrics.constant_answer` chose on dev. `thresholds` are None for
    classes that exclude one another; then there are accuracies and a confusion matrix too. `patients` (N,) are names,
    `groups` (N,) those that the bootstrap draws. A score that the data does not define is None. `*_low` and `*_high`
    bound its 95 % interval over patients, and are None if it rests on too few of them (`bootstrap.FEWEST`).
    Raises ValueError if shapes differ or a probability with a known label is NaN.
    """

    def named(values):
        return dict(zip(names, values, strict=True))

    weights = bootstrap.patient_weights(groups, seed=seed, resamples=resamples)
    decided, exclusive = decisions(probabilities, thresholds), thresholds is None
    enough = bool(bootstrap.enough(labels, groups).any())
    drawn = {"names": names, "labels": labels, "groups": groups, "weights": weights}
    return {
        "images": len(labels),
        "patients": len(np.unique(patients)),
        "positive_patients": named(bootstrap.count_patients(labels == 1, groups).tolist()),
        "negative_patients": named(bootstrap.count_patients(labels == 0, groups).tolist()),
        **ranking_scores(probabilities=probabilities, **drawn),
        **_decision_scores(labels, decided, weights, named, enough),
        **(_class_scores(labels, decided, weights, named, enough) if exclusive else {}),
        "threshold": named([None] * len(names) if exclusive else thresholds.tolist()),
        "decision": operating_points(decided=decided, **drawn),
        "calibration_error": {
            "macro": mean_calibration_error(labels, probabilities),
            "uncalibrated": mean_calibration_error(labels, uncalibrated),
            "per_label": named([calibration_error(*known) for known in by_label(labels, probabilities)]),
        },
        **slope_scores(names, labels, probabilities),
        "constant": _constant_scores(labels, constant, named) | (_accuracies(labels, constant) if exclusive else {}),
    }


def macro_scores(*, labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray | None) -> dict:
    """Macro AUROC, average precision and F1 under the keys of `all_scores`: to choose settings by, on dev.

    Without thresholds also the accuracies.
    """
    decided = decisions(probabilities, thresholds)
    return {
        "auroc": {"macro": auroc.macro(labels, probabilities)},
        "average_precision": {"macro": mean_defined(average_precision(labels, probabilities))},
        "f1": {"macro": float(averages(*counts(labels, decided))["f1"]["macro"])},
        **(_accuracies(labels, decided) if thresholds is None else {}),
    }


def _decision_scores(labels, decided, weights, named, enough):
    """Precision, recall and F1 with all averages; of F1 also the interval of the macro average, and each label."""
    found, resampled = _averaged(labels, decided), averages(*counts(labels, decided, weights))
    each = averages(*counts(labels, decided))["f1"]["per_label"]
    positive = (labels == 1).any(axis=0)  # without a positive, F1 is 0 for any decision, and `macro` leaves it out
    found["f1"] |= bootstrap.interval("macro", resampled["f1"]["macro"], enough=enough)
    found["f1"]["per_label"] = named(np.where(positive, each, None).tolist())
    return found


def _class_scores(labels, decided, weights, named, enough):
    """Both accuracies with their intervals, and the confusion matrix: by the true class, then by the predicted one."""
    found, resampled = _accuracies(labels, decided), accuracies(averages(*counts(labels, decided, weights)))
    scores = {}
    for name, value in found.items():
        scores |= {name: value, **bootstrap.interval(name, resampled[name], enough=enough)}
    return scores | {"confusion": named([named(row) for row in confusion(labels, decided).tolist()])}


def _accuracies(labels, decided):
    known = (labels == 1).any()  # without a known class, no accuracy is defined
    found = accuracies(averages(*counts(labels, decided)))
    return {name: float(value) if known else None for name, value in found.items()}


def _averaged(labels, decided):
    scores, by_image = averages(*counts(labels, decided)), samples(labels, decided)
    return {
        score: {average: float(values[average]) for average in AVERAGES} | {"samples": by_image[score]}
        for score, values in scores.items()
    }


def _constant_scores(labels, constant, named):
    """The scores of the constant answer. It ranks all images equally, so its average precision is the prevalence."""
    precisions = average_precision(labels, np.zeros(labels.shape))
    return {
        "answers": ", ".join(name for name, present in named(constant).items() if present),
        **_averaged(labels, constant),
        "average_precision": {"macro": mean_defined(precisions)},
    }
