"""Labels and probabilities as tests of the scores draw them."""

import numpy as np

from rayling.evaluation import metrics
from rayling.evaluation.scores import all_scores

NAMES = ["effusion", "edema", "fracture", "mass"]


def split(rng, images=300, unknown=0.0, decimals=2):
    """Labels of four prevalences, and probabilities that correlate with them, rounded so that some tie."""
    labels = (rng.random((images, 4)) < [0.5, 0.3, 0.1, 0.2]).astype(np.float32)
    logits = rng.normal(size=labels.shape) + 1.5 * labels - 1
    labels[rng.random(labels.shape) < unknown] = np.nan
    return labels, np.round(1 / (1 + np.exp(-logits)), decimals)


def scores_of(labels, probabilities, patients=None, seed=0, **changes):
    """All scores, with thresholds and constant answer chosen on the same data; each image has a patient of its own."""
    patients = np.arange(len(labels)).astype(str) if patients is None else patients
    arguments = {
        "names": NAMES[: labels.shape[1]],
        "labels": labels,
        "probabilities": probabilities,
        "uncalibrated": probabilities,
        "thresholds": metrics.thresholds(labels, probabilities),
        "constant": metrics.constant_answer(labels, exclusive=False),
        "patients": patients,
        "groups": patients,
        "seed": seed,
    }
    return all_scores(**arguments | changes)
