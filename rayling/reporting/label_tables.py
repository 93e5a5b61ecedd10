"""The tables of the report and the model card that have a row for each label, made from the metrics of the networks."""

from rayling.reporting.page import Table, number
from rayling.reporting.tables import ENDS, is_exclusive

RATIOS = {"positive_likelihood_ratio": "likelihood ratio +", "negative_likelihood_ratio": "likelihood ratio −"}
CELLS = {"tp": "true positives", "fp": "false positives", "fn": "false negatives", "tn": "true negatives"}


def label_table(scores: dict[str, dict]) -> Table:
    """The student's scores with their intervals and its threshold, if it has one, and the teacher's AUROC."""
    student, teacher = scores["student"], scores["teacher"]
    columns = {
        "patients with / without": _patients(student),
        "AUROC": _with_interval(student["auroc"]),
        "AUROC of the teacher": _with_interval(teacher["auroc"]),
        "average precision": _with_interval(student["average_precision"]),
        "sensitivity": _rate(student, "sensitivity"),
        "specificity": _rate(student, "specificity"),
        "F1": _numbers(student["f1"]["per_label"]),
    } | ({} if is_exclusive(student) else {"threshold": _numbers(student["threshold"])})
    return _table(list(student["threshold"]), columns)


def decision_table(student: dict) -> Table:
    """The 2x2 table of images, the predictive values with their intervals, and the likelihood ratios."""
    decision = student["decision"]
    columns = {name: {label: f"{found[cell]:,}" for label, found in decision.items()} for cell, name in CELLS.items()}
    columns |= {rate.upper(): _rate(student, rate) for rate in ("ppv", "npv")}
    for ratio, name in RATIOS.items():
        columns[name] = {label: number(found[ratio], digits=2) for label, found in decision.items()}
    return _table(list(decision), columns)


def operating_point_table(student: dict) -> Table | None:
    """Sensitivity and specificity at every operating point; None for exclusive classes, which have none."""
    columns = {
        f"{rate} at {point}": _rate({"decision": found}, rate)
        for point, found in student["operating_points"].items()
        for rate in ("sensitivity", "specificity")
    }
    return _table(list(student["threshold"]), columns) if columns else None


def calibration_table(student: dict) -> Table:
    """Calibration error, intercept and slope, and their means over the labels in the last row."""
    keys = ("calibration_error", "calibration_intercept", "calibration_slope")
    columns = {key.replace("_", " "): _numbers(student[key]["per_label"]) for key in keys}
    return [*_table(list(student["threshold"]), columns), ["mean", *(number(student[key]["macro"]) for key in keys)]]


def _table(labels: list[str], columns: dict[str, dict[str, str]]) -> Table:
    return [["", *columns], *([label, *(column[label] for column in columns.values())] for label in labels)]


def _patients(scores: dict) -> dict[str, str]:
    without = scores["negative_patients"]
    return {label: f"{count:,} / {without[label]:,}" for label, count in scores["positive_patients"].items()}


def _numbers(values: dict[str, float | None]) -> dict[str, str]:
    return {label: number(value) for label, value in values.items()}


def _with_interval(score: dict) -> dict[str, str]:
    low, high = (score[f"per_label{end}"] for end in ENDS)
    return {label: number(value, low[label], high[label]) for label, value in score["per_label"].items()}


def _rate(scores: dict, rate: str) -> dict[str, str]:
    keys = [f"{rate}{end}" for end in ("", *ENDS)]
    return {label: number(*(found[key] for key in keys)) for label, found in scores["decision"].items()}
