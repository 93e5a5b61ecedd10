"""Where student and teacher look, as a table for the report, made from metrics/attribution.json."""

from rayling.reporting.page import Table, number, signed

NAMES = {
    "inside_finding": "share of the map in the finding",
    "inside_chest": "share in lungs and heart",
    "pointing_game": "maximum at the finding",
    "iou": "overlap (IoU)",
}
ENDS = ("", "_low", "_high")


def attribution_table(found: dict) -> Table | None:
    """A row for each network, for their difference, and for a map without any knowledge; None for no measurement."""
    if not found:
        return None
    rows = [[name, *(number(*_bounds(found[name], key)) for key in NAMES)] for name in ("student", "teacher")]
    less = ["student less teacher", *(signed(*_bounds(found["student_minus_teacher"], key)) for key in NAMES)]
    return [["", *NAMES.values()], *rows, less, ["no knowledge", *(number(found["chance"][key]) for key in NAMES)]]


def attribution_sentence(found: dict) -> str:
    """Of how many images this was measured."""
    return f"{found['pairs']:,} findings on test images of {found['patients']:,} patients." if found else ""


def _bounds(scores: dict, key: str) -> list[float | None]:
    return [scores[f"{key}{end}"] for end in ENDS]
