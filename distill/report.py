"""Everything that a number must carry, in one nested report: what `metrics/<network>.json` says.

Data as in `metrics.py`: `labels` (N, K) of 1, 0 or NaN (no say), `probabilities` (N, K) in 0..1, `names` of the
K labels.
"""

import numpy as np

from distill import auroc, bootstrap
from distill.auroc import by_label, mean_defined
from distill.metrics import average_precision, averages, calibration_error, counts, mean_calibration_error, samples

AVERAGES = ("micro", "macro", "weighted")


def report(
    *,
    names: list[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    uncalibrated: np.ndarray,
    thresholds: np.ndarray,
    constant: np.ndarray,
    patients: np.ndarray,
    seed: int,
    resamples: int = 500,
) -> dict:
    """Everything that a number must carry (DESIGN.md, section 8), nested, and ready for `write_json`.

    `probabilities` are calibrated, `uncalibrated` (N, K) what they were before. `thresholds` (K,) is what the
    function of that name chose on dev, and `constant` (K,) of bools what `constant_answer` did. A number that the
    data does not define is None. `*_low` and `*_high` bound a 95 % bootstrap interval over patients. Raises
    ValueError if shapes differ or a probability is NaN where its label is known.
    """

    def named(values):
        return dict(zip(names, values, strict=True))

    weights = bootstrap.patient_weights(patients, seed=seed, resamples=resamples)
    return {
        "images": len(labels),
        "patients": len(np.unique(patients)),
        "auroc": {
            "macro": auroc.macro(labels, probabilities),
            **bootstrap.interval("macro", bootstrap.macro_auroc(labels, probabilities, weights)),
            "per_label": named(auroc.per_label(labels, probabilities)),
        },
        "average_precision": _summary(named(average_precision(labels, probabilities))),
        **_decisions(labels, probabilities >= thresholds, weights, named),
        "threshold": named(thresholds.tolist()),
        "calibration_error": {
            "macro": mean_calibration_error(labels, probabilities),
            "uncalibrated": mean_calibration_error(labels, uncalibrated),
            "per_label": named([calibration_error(*known) for known in by_label(labels, probabilities)]),
        },
        "constant": _constant(labels, constant, named),
    }


def brief(*, labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> dict:
    """Macro AUROC, average precision and F1 of a split, under the same keys as in `report`: to choose settings by."""
    return {
        "auroc": {"macro": auroc.macro(labels, probabilities)},
        "average_precision": {"macro": mean_defined(average_precision(labels, probabilities))},
        "f1": {"macro": float(averages(*counts(labels, probabilities >= thresholds))["f1"]["macro"])},
    }


def _summary(per_label):
    return {"macro": mean_defined(per_label.values()), "per_label": per_label}


def _decisions(labels, decided, weights, named):
    """Precision, recall and F1 in every averaging; the interval of the macro F1, and F1 label by label."""
    found, resampled = _averaged(labels, decided), averages(*counts(labels, decided, weights))
    each = averages(*counts(labels, decided))["f1"]["per_label"]
    positive = (labels == 1).any(axis=0)  # without one F1 is 0 whatever is answered, and `macro` leaves it out
    found["f1"] |= bootstrap.interval("macro", resampled["f1"]["macro"])
    found["f1"]["per_label"] = named(np.where(positive, each, None).tolist())
    return found


def _averaged(labels, decided):
    scores, by_image = averages(*counts(labels, decided)), samples(labels, decided)
    return {
        score: {average: float(values[average]) for average in AVERAGES} | {"samples": by_image[score]}
        for score, values in scores.items()
    }


def _constant(labels, answer, named):
    """What the constant answer scores. It ranks nothing, so its average precision is the prevalence."""
    ranked = average_precision(labels, np.zeros(labels.shape))
    return {
        "answers": ", ".join(name for name, present in named(answer).items() if present),
        **_averaged(labels, answer),
        "average_precision": {"macro": mean_defined(ranked)},
    }
