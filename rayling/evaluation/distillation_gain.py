"""Does distillation pay? The taught student beside the same network trained on the labels alone, on the same images.

Both are one training each, so the intervals, over patients, do not know how much either would change with its seed.
N images, K labels. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored); probabilities are (N, K) in 0..1.
"""

from collections.abc import Callable, Mapping

import numpy as np

from rayling.evaluation import bootstrap, paired
from rayling.evaluation.control_remarks import TOO_FEW

BETTER, SAME, WORSE, UNKNOWN, NOT_TAUGHT = "better", "no different", "worse", "unknown", "not taught"
NAMES = {"auroc": "macro AUROC", "accuracy": "accuracy"}
ALONE = "the same network trained on the labels alone"
ADVICE = "Rather ship the student of learn_from: labels."


def gains(
    labels: np.ndarray,
    *,
    taught: np.ndarray,
    alone: np.ndarray,
    groups: np.ndarray,
    exclusive: bool,
    seed: int,
    resamples: int = 500,
) -> dict[str, dict]:
    """What the student gained by teaching, in macro AUROC, and in accuracy where classes are `exclusive`.

    `taught` and `alone` are the calibrated probabilities of both networks; `groups` (N,) as in `bootstrap`. Of each
    score: `taught`, `alone`, `gain`, their difference, and `gain_low` and `gain_high`, its 95 % interval. None where
    the data does not define them, or too few patients bear an interval.
    """
    weights = bootstrap.patient_weights(groups, seed=seed, resamples=resamples)
    scores = {"auroc": bootstrap.macro_auroc} | ({"accuracy": paired.accuracy} if exclusive else {})
    return {name: _gain(score, labels, taught, alone, groups, weights) for name, score in scores.items()}


def _gain(score: Callable, labels, taught, alone, groups, weights) -> dict[str, float | None]:
    once = np.ones((1, len(labels)))
    reached = {name: score(labels, of, once).item() for name, of in {"taught": taught, "alone": alone}.items()}
    reached = {name: None if np.isnan(value) else value for name, value in reached.items()}
    return reached | paired.difference("gain", score, labels, taught, alone, groups=groups, weights=weights)


def verdict(found: Mapping[str, dict], *, learn_from: str) -> str:
    """What the gains say: `WORSE` if one is below zero with its whole interval, else `BETTER` if one is above it.

    The intervals are not corrected for there being two scores.
    """
    if learn_from == "labels":
        return NOT_TAUGHT
    known = [gain for gain in found.values() if gain["gain_low"] is not None]
    if not known:
        return UNKNOWN
    if any(gain["gain_high"] < 0 for gain in known):
        return WORSE
    return BETTER if any(gain["gain_low"] > 0 for gain in known) else SAME


def remark(found: Mapping[str, dict], *, learn_from: str) -> str:
    """The verdict and its numbers, in one to three sentences."""
    known = {NAMES[name]: gain for name, gain in found.items() if gain["gain_low"] is not None}
    if not known:
        return f"Whether distillation helps is unknown: {TOO_FEW}."
    numbers = "; ".join(f"{name} {_number(gain)}" for name, gain in known.items())
    measured, student = f"{numbers}; one training of each", f"the student that learned from the {learn_from}"
    zero = "each interval includes zero" if len(known) > 1 else "the interval includes zero"
    return {
        BETTER: f"Distillation helps here: {student} is better than {ALONE} ({measured}).",
        SAME: f"No difference can be shown between {student} and {ALONE} ({measured}): {zero}.",
        WORSE: f"Distillation harms here: {student} is worse than {ALONE} ({measured}). {ADVICE}",
        NOT_TAUGHT: f"The student learned from the labels alone. Beside {ALONE}, in new views every epoch: {measured}.",
    }[verdict(found, learn_from=learn_from)]


def _number(gain: dict) -> str:
    return (
        f"{gain['taught']:.3f} against {gain['alone']:.3f}, a difference of {gain['gain']:+.3f} "
        f"({gain['gain_low']:+.3f} to {gain['gain_high']:+.3f})"
    )
