"""The scores of a network on one split: the content of `metrics/<network>.json`.

N images, K labels with `names`. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1.
"""

import numpy as np

from rayling.evaluation import auroc, bootstrap
from rayling.evaluation.auroc import by_label, mean_defined
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
    seed: int,
    resamples: int = 500,
) -> dict:
    """All scores of a network, nested, ready for `write_json` (docs/evaluation.md).

    `probabilities` are calibrated, `uncalibrated` (N, K) those before calibration. `thresholds` (K,) and `constant`,
    bool (K,), are what `metrics.thresholds` and `metrics.constant_answer` chose on dev. `patients` (N,) are names.
    `thresholds` are None for classes that exclude one another; then there are accuracies and a confusion matrix too.
    A score that the data does not define is None. `*_low` and `*_high` bound its 95 % bootstrap interval over patients.
    Raises ValueError if shapes differ or a probability with a known label is NaN.
    """

    def named(values):
        return dict(zip(names, values, strict=True))

    weights = bootstrap.patient_weights(patients, seed=seed, resamples=resamples)
    decided, exclusive = decisions(probabilities, thresholds), thresholds is None
    precisions = named(average_precision(labels, probabilities))
    return {
        "images": len(labels),
        "patients": len(np.unique(patients)),
        "auroc": {
            "macro": auroc.macro(labels, probabilities),
            **bootstrap.interval("macro", bootstrap.macro_auroc(labels, probabilities, weights)),
            "per_label": named(auroc.per_label(labels, probabilities)),
        },
        "average_precision": {"macro": mean_defined(precisions.values()), "per_label": precisions},
        **_decision_scores(labels, decided, weights, named),
        **(_class_scores(labels, decided, weights, named) if exclusive else {}),
        "threshold": named([None] * len(names) if exclusive else thresholds.tolist()),
        "calibration_error": {
            "macro": mean_calibration_error(labels, probabilities),
            "uncalibrated": mean_calibration_error(labels, uncalibrated),
            "per_label": named([calibration_error(*known) for known in by_label(labels, probabilities)]),
        },
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


def _decision_scores(labels, decided, weights, named):
    """Precision, recall and F1 with all averages; of F1 also the interval of the macro average, and each label."""
    found, resampled = _averaged(labels, decided), averages(*counts(labels, decided, weights))
    each = averages(*counts(labels, decided))["f1"]["per_label"]
    positive = (labels == 1).any(axis=0)  # without a positive, F1 is 0 for any decision, and `macro` leaves it out
    found["f1"] |= bootstrap.interval("macro", resampled["f1"]["macro"])
    found["f1"]["per_label"] = named(np.where(positive, each, None).tolist())
    return found


def _class_scores(labels, decided, weights, named):
    """Both accuracies with their intervals, and the confusion matrix: by the true class, then by the predicted one."""
    found, resampled = _accuracies(labels, decided), accuracies(averages(*counts(labels, decided, weights)))
    scores = {}
    for name, value in found.items():
        drawn = resampled[name] if value is not None else np.array([])
        scores |= {name: value, **bootstrap.interval(name, drawn)}
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
