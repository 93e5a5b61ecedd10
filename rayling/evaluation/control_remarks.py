"""The scores of the controls beside those of the networks, and what follows from them, in plain sentences.

`scores` are what `scores.all_scores` returns.
"""

from collections.abc import Mapping

from rayling.evaluation.bootstrap import FEWEST

METRICS = ("auroc", "average_precision", "f1")
HIGH = 0.5  # of the way from 0.5, the AUROC of chance, to that of the student
WITHOUT_LUNGS = (
    "The labels can largely be predicted without the middle of the image, where the lungs are, so a score on this study"
    " is no evidence of diagnosis."
)
TOO_FEW = f"in test, no label has {FEWEST} patients with it and {FEWEST} without it"


def is_high(low: float | None, student: float | None) -> bool:
    """Whether a control is high: the lower bound of its AUROC is more than halfway from 0.5 to the student's AUROC.

    The bound and not the score, so that chance in a small test set raises no suspicion. If the student is no better
    than chance, any bound above 0.5 is high. False if either is None, because the data does not define it.
    """
    if low is None or student is None:
        return False
    return low > 0.5 + HIGH * max(0.0, student - 0.5)


def comparison_table(controls: Mapping[str, dict | None], networks: Mapping[str, dict]) -> dict[str, dict]:
    """Each of `METRICS`, macro, of the constant answer, of the controls with their intervals, and of the networks.

    None stands for a control that the study lacks. The intervals of the networks are in their own metrics.
    """
    known = [scores for scores in (*networks.values(), *controls.values()) if scores]
    table = {metric: {"constant": known[0]["constant"].get(metric, {}).get("macro")} for metric in METRICS}
    table["auroc"]["constant"] = 0.5  # it ranks all images equally
    for metric, row in table.items():
        for name, scores in controls.items():
            row |= _with_interval(name, scores[metric]) if scores else {name: None}
        row |= {name: scores[metric]["macro"] for name, scores in networks.items()}
    return table


def auroc_by_label(controls: Mapping[str, dict | None], student: dict) -> dict[str, dict]:
    """For each label, the AUROC of the controls that the study has, and of the student."""
    known = {name: scores for name, scores in controls.items() if scores} | {"student": student}
    labels = student["auroc"]["per_label"]
    return {label: {name: scores["auroc"]["per_label"][label] for name, scores in known.items()} for label in labels}


def border_remark(border: dict, student: dict) -> str:
    """What the scores of the border control say about those of the student, in one to three sentences."""
    found, reached = border["auroc"], student["auroc"]["macro"]
    if found["macro_low"] is None or reached is None:
        return f"Nothing can be concluded about the border: {TOO_FEW}."
    start = f"A model that sees only the border of the image reaches an AUROC of {_auroc(found)}, {_beside(reached)}."
    labels = _high_labels(border, student)
    if not is_high(found["macro_low"], reached):
        why = "either the finding reaches the border, or something else there gives it away"
        but = f" But the model predicts {_listed(labels)}: {why}." if labels else ""
        return f"{start} The border alone does not explain the student's score.{but}"
    most = f" This concerns above all {_listed(labels)}." if 0 < len(labels) < len(found["per_label"]) else ""
    return f"{start} {WITHOUT_LUNGS}{most}"


def source_remark(probe: dict | None, source_alone: dict | None, student: dict, *, from_one: Mapping[str, str]) -> str:
    """What the source controls say about the scores of the student.

    `probe` are the scores of the model that predicts the source, `source_alone` those of the model that predicts the
    labels from the source alone; both are None for a study with one source. `from_one` maps the labels that a single
    source has to that source (`from_one_source` in metrics/prepare.json).
    """
    if probe is None:
        return "Train has only one source, so there is no source to predict."
    found, reached = probe["auroc"], student["auroc"]["macro"]
    if found["macro_low"] is None:
        few = f"no source has {FEWEST} patients in test beside {FEWEST} of others"
        return f"Whether the source can be predicted from the image is unknown: {few}."
    if not is_high(found["macro_low"], 1.0):
        return f"The source is hard to predict from the image: a probe reaches an AUROC of {_auroc(found)}."
    start = f"The source can be predicted from the image with an AUROC of {_auroc(found)}."
    if source_alone["auroc"]["macro_low"] is None or reached is None:
        return f"{start} How much it reveals about the labels is unknown: {TOO_FEW}."
    return f"{start} {_source_alone_remark(source_alone, student, from_one)}"


def _source_alone_remark(source_alone: dict, student: dict, from_one: Mapping[str, str]) -> str:
    """How well the labels can be predicted from the source, and what follows."""
    found, reached = source_alone["auroc"], student["auroc"]["macro"]
    model = "model that predicts the labels from the source alone"
    scores = f"reaches an AUROC of {_auroc(found)}, {_beside(reached)}"
    suspect = _high_labels(source_alone, student)
    for name, source in from_one.items():
        suspect[name] = ", ".join([*filter(None, [suspect.get(name)]), f"positive only in {source}"])
    whole_study = is_high(found["macro_low"], reached) or len(suspect) == len(student["auroc"]["per_label"])
    if not suspect and not whole_study:
        return f"It reveals little about the labels: a {model} {scores}."
    named = f" Suspect labels: {_listed(suspect)}." if suspect else ""
    on = "this study" if whole_study else "these labels"
    return f"A {model} {scores}.{named} A score on {on} may reflect the source and is no evidence of diagnosis."


def _high_labels(control: dict, student: dict) -> dict[str, str]:
    """The labels for which a control is high, each with its AUROC and the student's."""
    lows, scores = control["auroc"]["per_label_low"], control["auroc"]["per_label"]
    reached = student["auroc"]["per_label"]
    high = [name for name, low in lows.items() if scores[name] is not None and is_high(low, reached[name])]
    return {name: f"AUROC {scores[name]:.3f}, student {reached[name]:.3f}" for name in high}


def _listed(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name!r} ({text})" for name, text in labels.items())


def _auroc(found: dict) -> str:
    return f"{found['macro']:.3f} ({found['macro_low']:.3f}–{found['macro_high']:.3f})"


def _beside(student: float) -> str:
    return f"the student {student:.3f}"


def _with_interval(name: str, found: dict) -> dict[str, float | None]:
    bounds = {f"{name}_{end}": found[f"macro_{end}"] for end in ("low", "high") if f"macro_{end}" in found}
    return {name: found["macro"], **bounds}
