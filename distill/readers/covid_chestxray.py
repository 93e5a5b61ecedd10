"""covid-chestxray-dataset (Cohen et al. 2020): a table of findings over many hospitals, in many versions."""

import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from distill import checked_csv
from distill.readers import findings

LATERAL = ("l", "lateral")
SLICES = ("ct", "axial", "coronal", "sagittal")


def covid_chestxray(root: str | Path, *, labels: list[str], classes: dict[str, str], exclusive: bool) -> pd.DataFrame:
    """Read the X-rays that `root/metadata.csv` lists; lateral films, CT and other findings are left out.

    `classes` maps a part of a finding (`Pneumonia/Viral/COVID-19`, formerly `COVID-19, ARDS`) to a label. With
    `exclusive` labels the last part that maps, the most exact, is the only one. Raises `BadInput` for a missing
    file or column, a class that is no label or in no finding, and a file that stands under two findings.
    """
    classes = findings.meanings(classes, labels)
    file = Path(root) / "metadata.csv"
    columns = ["patientid", "finding", "view", "filename"]
    cells = checked_csv.read(file, columns=columns, optional=["modality", "folder"])
    parts = cells["finding"].map(lambda finding: [part.strip() for part in re.split("[/,]", finding)])
    mapped = parts.map(lambda row: [part for part in row if part in classes])
    cells["found"] = mapped.map(lambda row: tuple(row[-1:] if exclusive else row))
    cells["left_out"] = _left_out(cells)
    present = set(parts[~cells["left_out"].isin(["lateral view", "CT"])].explode())
    findings.refuse_absent(classes, present, present, f"{file}: found no frontal X-ray with finding")
    for column in ("patientid", "filename"):
        checked_csv.refuse(cells, (cells[column] == "") & (cells["left_out"] == ""), column, "a name")
    folders = cells["folder"].replace("", "images")
    cells["filename"] = [str(PurePosixPath(*pair)) for pair in zip(folders, cells["filename"], strict=True)]
    wanted = _merge_repeats(cells[cells["left_out"] == ""].copy(), classes)
    wanted["filename"] = checked_csv.inside(wanted, "filename")
    others = cells[(cells["left_out"] != "") & ~cells["filename"].isin(wanted["filename"])].drop_duplicates("filename")
    others = others.assign(filename=checked_csv.inside(others, "filename"))
    cells = pd.concat([wanted, others], ignore_index=True)
    return findings.table(
        cells["filename"],
        patient=cells["patientid"],
        left_out=cells["left_out"],
        **findings.columns(cells["found"], classes=classes, labels=labels),
    )


def _left_out(cells: pd.DataFrame) -> np.ndarray:
    """Why a row is not wanted; the first reason that holds."""
    reasons = {
        "CT": (cells["modality"].str.lower() == "ct") | cells["view"].str.lower().isin(SLICES),
        "lateral view": cells["view"].str.lower().isin(LATERAL),
        "another finding": cells["found"].str.len() == 0,
    }
    return np.select(list(reasons.values()), list(reasons), default="")


def _merge_repeats(cells: pd.DataFrame, classes: dict[str, str]) -> pd.DataFrame:
    """Keep the first row of each file; two ids under which upstream lists one file are one patient."""
    cells["label"] = cells["found"].map(lambda found: ", ".join(sorted({classes[name] for name in found})))
    for image in cells["filename"][cells["filename"].duplicated()].unique():
        same = cells[cells["filename"] == image]
        first = same.iloc[0]
        checked_csv.refuse(same, same["label"] != first["label"], "label", f"{first['label']!r} as the row before")
        cells["patientid"] = cells["patientid"].replace(dict.fromkeys(same["patientid"], first["patientid"]))
    return cells.drop_duplicates("filename")
