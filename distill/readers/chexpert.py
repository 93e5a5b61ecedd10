"""CheXpert (Irvin et al. 2019): 14 labels that are 1, 0, -1 (uncertain) or blank (not mentioned)."""

from pathlib import Path

import numpy as np
import pandas as pd

from distill import checked_csv
from distill.errors import BadInput
from distill.readers import findings

POLICIES = {"ignore": np.nan, "ones": 1.0, "zeros": 0.0}


def chexpert(
    root: str | Path,
    *,
    labels: list[str],
    frontal_only: bool = True,
    uncertain: dict[str, str],
    blank: str,
    classes: dict[str, str],
) -> pd.DataFrame:
    """Read CheXpert's `train.csv` (split "") and `valid.csv` (split "test": the paper's test set).

    `uncertain` says for each label (or "default") what -1 becomes: ignore (NaN) | ones | zeros; `blank` says
    it of an empty cell: ignore | zeros. `classes` maps a column to a label; empty, each label is a column.
    With `frontal_only` lateral films are left out. Raises `BadInput` for a missing file or column or an
    unknown value.
    """
    classes = findings.meanings(classes, labels)
    values = _values(labels, uncertain=uncertain, blank=blank)
    cells = _cells(Path(root), columns=list(classes))
    patient = cells["Path"].str.extract(r"/(patient\d+)/", expand=False)
    checked_csv.refuse(cells, patient.isna(), "Path", "a folder patientNNNNN in it")
    left_out = (cells["Frontal/Lateral"] == "Lateral") & frontal_only
    if left_out.all():
        raise BadInput(f"{root}: found no{' frontal' * frontal_only} image in train.csv and valid.csv, expected some")
    columns = findings.from_columns(
        cells, classes=classes, labels=labels, values=values.__getitem__, expected="1, 0, -1 or blank"
    )
    return findings.table(
        # The first folder of a path is the set's own (`CheXpert-v1.0-small`): that is `root`, whatever its name.
        cells["Path"].map(lambda path: path.partition("/")[2]),
        patient=patient,
        split=cells["split"],
        left_out=np.where(left_out, "lateral view", ""),
        **columns,
    )


def _cells(root: Path, *, columns: list[str]) -> pd.DataFrame:
    """The rows of both files, frontal and lateral, their paths checked."""
    columns = ["Path", "Frontal/Lateral", *columns]
    train = checked_csv.read(root / "train.csv", columns=columns).assign(split="")
    valid = checked_csv.read(root / "valid.csv", columns=columns).assign(split="test")
    cells = pd.concat([train, valid], ignore_index=True)
    side = ~cells["Frontal/Lateral"].isin(["Frontal", "Lateral"])
    checked_csv.refuse(cells, side, "Frontal/Lateral", "Frontal or Lateral")
    return cells.assign(Path=checked_csv.inside(cells, "Path"))


def _values(labels: list[str], *, uncertain: dict[str, str], blank: str) -> dict[str, dict[str, float]]:
    """What each text in a column means, by label."""
    for key in uncertain:
        if key not in labels and key != "default":
            near = checked_csv.nearest(key, labels)
            raise BadInput(f"uncertain: found {key!r}, which is no label of the study; {near}")
    chosen = {label: uncertain.get(label, uncertain.get("default")) for label in labels}
    for label, policy in chosen.items():
        if policy not in POLICIES:
            raise BadInput(f"uncertain: found {policy!r} for {label!r}, expected one of {', '.join(POLICIES)}")
    if blank not in ("ignore", "zeros"):
        raise BadInput(f"blank: found {blank!r}, expected ignore or zeros")
    certain = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "": POLICIES[blank]}
    chosen[""] = "ignore"  # a column that means none of the labels
    return {label: certain | dict.fromkeys(["-1", "-1.0"], POLICIES[policy]) for label, policy in chosen.items()}
