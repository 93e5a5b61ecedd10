"""What the controls scored, beside the networks, and what follows from it, in plain sentences.

A report is what `report.report` gives. Of a control it also has `auroc.per_label_low`, from `lower_bounds`.
"""

from collections.abc import Mapping

import numpy as np

from distill import bootstrap

METRICS = ("auroc", "average_precision", "f1")
FAR = 0.5  # of the way from a coin's AUROC to another's
WITHOUT_LUNGS = (
    "the labels can largely be told without the middle of the image, where the lungs are, so a score on this study is"
    " no evidence of diagnosis."
)


def reaches_far(low: float | None, top: float | None) -> bool:
    """Whether a control is high: the lower bound of its AUROC lies over half of the way from 0.5 to `top`.

    The bound and not the score, so that a small test set cannot accuse by chance. Where `top` is no better than a coin
    any AUROC that is surely above 0.5 is high. False for None, which the data does not define.
    """
    if low is None or top is None:
        return False
    return low > 0.5 + FAR * max(0.0, top - 0.5)


def lower_bounds(
    names: list[str], labels: np.ndarray, scores: np.ndarray, *, patients: np.ndarray, seed: int, resamples: int = 500
) -> dict[str, float | None]:
    """The lower end of the 95 % bootstrap interval over patients of each label's AUROC; None where undefined.

    `labels` (N, K) of 1, 0 or NaN, `scores` (N, K), `patients` (N,).
    """
    weights = bootstrap.patient_weights(patients, seed=seed, resamples=resamples)
    each = (bootstrap.weighted_auroc(truth, score, weights) for truth, score in zip(labels.T, scores.T, strict=True))
    return {name: bootstrap.interval("auroc", drawn)["auroc_low"] for name, drawn in zip(names, each, strict=True)}


def beside(controls: Mapping[str, dict | None], networks: Mapping[str, dict]) -> dict[str, dict]:
    """For each of `METRICS` the constant answer, the controls with their intervals, and the networks, all macro.

    None stands for a control that the study has not. The networks' intervals stand in their own reports.
    """
    reports = [report for report in (*networks.values(), *controls.values()) if report]
    table = {metric: {"constant": reports[0]["constant"].get(metric, {}).get("macro")} for metric in METRICS}
    table["auroc"]["constant"] = 0.5  # it ranks nothing
    for metric, row in table.items():
        for name, report in controls.items():
            row |= _with_interval(name, report[metric]) if report else {name: None}
        row |= {name: report[metric]["macro"] for name, report in networks.items()}
    return table


def by_label(controls: Mapping[str, dict | None], student: dict) -> dict[str, dict]:
    """Label by label the AUROC of the controls that there are, and of the student."""
    reports = {name: report for name, report in controls.items() if report} | {"student": student}
    labels = student["auroc"]["per_label"]
    return {label: {name: report["auroc"]["per_label"][label] for name, report in reports.items()} for label in labels}


def of_border(border: dict, student: dict) -> str:
    """What the control of the border says about the student's score, a sentence or two."""
    found, top = border["auroc"], student["auroc"]["macro"]
    if found["macro"] is None or top is None:
        return "Nothing can be said of the border: no label of test has both answers."
    told = f"A model that sees only the border of the image reaches an AUROC of {_auroc(found)} {_where(top)}"
    labels = _told(border, student)
    if not reaches_far(found["macro_low"], top):
        but = f" But it tells {_listed(labels)}: the finding reaches the border, or something else gives it away there."
        return f"{told}: by itself the border does not explain the score." + (but if labels else "")
    most = f" Above all it tells {_listed(labels)}." if 0 < len(labels) < len(found["per_label"]) else ""
    return f"{told}: {WITHOUT_LUNGS}{most}"


def of_source(probe: dict | None, alone: dict | None, student: dict, *, from_one: Mapping[str, str]) -> str:
    """What the probe of the source, and knowing the source `alone`, say about the student's score.

    `from_one` are the labels that a single source has, and which (`counts.one_source`). `probe` and `alone` are None
    for a study of one source.
    """
    if probe is None:
        return "Train has one source, so there is none to be told."
    found, top = probe["auroc"], student["auroc"]["macro"]
    if found["macro"] is None:
        return "Whether the source can be told from the image is not known: test has one alone."
    if not reaches_far(found["macro_low"], 1.0):
        return f"The source is not easily told from the image: a probe reaches an AUROC of {_auroc(found)}."
    told = f"The source can be told from the image with an AUROC of {_auroc(found)}"
    if alone["auroc"]["macro"] is None or top is None:
        return f"{told}; what it says of the labels is not known: none of test has both answers."
    return f"{told}{_of_alone(alone, student, from_one)}"


def _of_alone(alone: dict, student: dict, from_one: Mapping[str, str]) -> str:
    """The end of a sentence: what one knows of the labels who knows the source."""
    found, top = alone["auroc"], student["auroc"]["macro"]
    who = f"a model that knows nothing but the source reaches an AUROC of {_auroc(found)} {_where(top)}"
    suspect = _told(alone, student)
    for name, source in from_one.items():
        suspect[name] = ", ".join([*filter(None, [suspect.get(name)]), f"from {source} alone"])
    all_of_it = reaches_far(found["macro_low"], top) or len(suspect) == len(student["auroc"]["per_label"])
    if not suspect and not all_of_it:
        return f", but says little of the labels: {who}."
    named = f" ({_listed(suspect)})" if suspect else ""
    of = "this study" if all_of_it else "these labels"
    return f", and {who}{named}: a score on {of} may be of the source, and is no evidence of diagnosis."


def _told(control: dict, student: dict) -> dict[str, str]:
    """The labels that a control tells well by the same rule, with its AUROC and the student's."""
    lows, scores, tops = control["auroc"]["per_label_low"], control["auroc"]["per_label"], student["auroc"]["per_label"]
    high = [name for name, low in lows.items() if scores[name] is not None and reaches_far(low, tops[name])]
    return {name: f"AUROC {scores[name]:.3f}, student {tops[name]:.3f}" for name in high}


def _listed(labels: Mapping[str, str]) -> str:
    return "; ".join(f"{name!r} {what}" for name, what in labels.items())


def _auroc(found: dict) -> str:
    return f"{found['macro']:.3f} ({found['macro_low']:.3f}–{found['macro_high']:.3f})"


def _where(top: float) -> str:
    return f"where the student reaches {top:.3f}"


def _with_interval(name: str, found: dict) -> dict[str, float | None]:
    bounds = {f"{name}_{end}": found[f"macro_{end}"] for end in ("low", "high") if f"macro_{end}" in found}
    return {name: found["macro"], **bounds}
