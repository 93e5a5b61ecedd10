"""CheXpert (Irvin et al. 2019): 14 labels, each 1, 0, -1 (uncertain) or blank (not mentioned)."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.preparation import csv_table
from rayling.preparation.readers import attributes, label_mapping

PATIENT = re.compile(r"patient\d+")
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

    `uncertain` gives for each label (or "default") what -1 becomes: ignore (NaN) | ones | zeros. `blank` gives the same
    for an empty cell: ignore | zeros. `classes` maps columns to labels; if it is empty, each label is a column. With
    `frontal_only` lateral images are left out. An `Age` of 0 counts as unknown; `AP/PA` is blank for lateral images,
    and `LL` or `RL`, which count as unknown, for 17 of train. Raises `BadInput` for a missing file or column of the
    others, and an unknown value.

    A `Path` may begin with the folder of the set or not. Without `Frontal/Lateral` all images count as frontal, unless
    `frontal_only` is set.
    """
    classes = label_mapping.checked_classes(classes, labels)
    values = _values(labels, uncertain=uncertain, blank=blank)
    cells = _cells(Path(root), columns=list(classes), frontal_only=frontal_only)
    patient = cells["Path"].str.extract(rf"(?:^|/)({PATIENT.pattern})/", expand=False)
    csv_table.refuse(cells, patient.isna(), "Path", "a folder patientNNNNN in it")
    left_out = (cells["Frontal/Lateral"] == "Lateral") & frontal_only
    if left_out.all():
        raise BadInput(f"{root}: found no{' frontal' * frontal_only} image in train.csv and valid.csv, expected some")
    columns = label_mapping.from_columns(
        cells, classes=classes, labels=labels, values=values.__getitem__, expected="1, 0, -1 or blank"
    )
    return label_mapping.table(
        cells["Path"].map(_below_root),
        patient=patient,
        split=cells["split"],
        left_out=np.where(left_out, "lateral view", ""),
        **attributes.columns(sex=cells["Sex"], age=cells["Age"].replace("0", ""), view=cells["AP/PA"]),
        **columns,
    )


def _below_root(path: str) -> str:
    """Return the path without the set's own folder (`CheXpert-v1.0-small`), which is `root`, whatever its name."""
    first = path.partition("/")[0]
    return path if first in ("train", "valid", "test") or PATIENT.fullmatch(first) else path.partition("/")[2]


def _cells(root: Path, *, columns: list[str], frontal_only: bool) -> pd.DataFrame:
    """Return the rows of both files, frontal and lateral, with checked paths."""
    view = ["Frontal/Lateral"]
    columns, optional = ["Path", *view * frontal_only, *columns], ["Sex", "Age", "AP/PA", *view]
    train = csv_table.read(root / "train.csv", columns=columns, optional=optional).assign(split="")
    valid = csv_table.read(root / "valid.csv", columns=columns, optional=optional).assign(split="test")
    cells = pd.concat([train, valid], ignore_index=True)
    expected = ["Frontal", "Lateral"] + [""] * (not frontal_only)
    csv_table.refuse(cells, ~cells["Frontal/Lateral"].isin(expected), "Frontal/Lateral", "Frontal or Lateral")
    return cells.assign(Path=csv_table.checked_paths(cells, "Path"))


def _values(labels: list[str], *, uncertain: dict[str, str], blank: str) -> dict[str, dict[str, float]]:
    """Return by label the number for each text in its column."""
    for key in uncertain:
        if key not in labels and key != "default":
            hint = csv_table.suggestion(key, labels)
            raise BadInput(f"uncertain: found {key!r}, which is no label of the study; {hint}")
    policies = {label: uncertain.get(label, uncertain.get("default")) for label in labels}
    for label, policy in policies.items():
        if policy not in POLICIES:
            raise BadInput(f"uncertain: found {policy!r} for {label!r}, expected one of {', '.join(POLICIES)}")
    if blank not in ("ignore", "zeros"):
        raise BadInput(f"blank: found {blank!r}, expected ignore or zeros")
    certain = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "": POLICIES[blank]}
    policies[""] = "ignore"  # of a column that maps to no label
    return {label: certain | dict.fromkeys(["-1", "-1.0"], POLICIES[policy]) for label, policy in policies.items()}
