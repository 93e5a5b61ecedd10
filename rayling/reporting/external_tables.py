"""The section of the report on films of other hospitals, made from metrics/external.json.

A score is a dictionary of `external` and `internal`, with the ends of their intervals as far as they are defined.
"""

from rayling.common.errors import BadInput
from rayling.reporting.page import Table, number
from rayling.reporting.tables import NETWORKS

KEYS = ("images", "patients", "left_out", "positive", "negative", *NETWORKS)
PLACES = {"external": "", "internal": ", on test"}
NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "calibration_error": "calibration error",
    "answered": "share answered",
    "out_of_distribution": "share called unfamiliar",
}


def sections(external: dict[str, dict]) -> list[dict]:
    """For each source its name, a sentence about its films, a table of all labels together and one of each label.

    Raises BadInput for another content than `evaluate_external` writes.
    """
    for name, found in external.items():
        for key in KEYS:
            if not isinstance(found, dict) or key not in found:
                raise BadInput(
                    f"metrics/external.json: {name}: found no {key}, expected what `evaluate_external` writes"
                )
    return [{"name": name, **_section(found)} for name, found in external.items()]


def _section(found: dict) -> dict:
    scores = {network: found[network] for network in NETWORKS}
    whole, by_label = {}, {}
    for score, name in NAMES.items():
        of_student = scores["student"].get(score, {})
        if "macro" in of_student:
            whole[f"{name}, mean over the labels"] = {network: of[score]["macro"] for network, of in scores.items()}
        elif of_student and "per_label" not in of_student:
            whole[name] = {network: of[score] for network, of in scores.items()}
        for label in of_student.get("per_label", {}):
            by_label[f"{name}, {label}"] = {network: of[score]["per_label"][label] for network, of in scores.items()}
    return {"about": _about(found), "whole": _table(whole), "by_label": _table(by_label)}


def _table(rows: dict[str, dict[str, dict]]) -> Table:
    """A row for each score by name, and two columns for each network."""
    head = ["", *(f"{network}{place}" for network in NETWORKS for place in PLACES.values())]
    return [head, *([name, *_cells(scores)] for name, scores in rows.items())]


def _cells(scores: dict[str, dict]) -> list[str]:
    return [
        number(*(scores[network].get(f"{place}{end}") for end in ("", "_low", "_high")))
        for network in NETWORKS
        for place in PLACES
    ]


def _about(found: dict) -> str:
    """How many films there are, how many have each label and lack it, and how many were left out."""
    films = f"{found['images']:,} films of {found['patients']:,} patients"
    pairs = {label: (count, found["negative"][label]) for label, count in found["positive"].items()}
    known = ", ".join(f"{label} {has:,} / {lacks:,}" for label, (has, lacks) in pairs.items() if has + lacks)
    left_out = ", ".join(f"{reason} ({count:,})" for reason, count in found["left_out"].items())
    return f"{films}; with and without each label: {known}. Left out: {left_out or 'none'}."
