"""covid-chestxray-dataset (Cohen et al. 2020): a table of findings from many hospitals, in any version."""

import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from rayling.preparation import csv_table, identities
from rayling.preparation.readers import attributes, label_mapping

LATERAL = ("l", "lateral")
SLICES = ("ct", "axial", "coronal", "sagittal")


def covid_chestxray(root: str | Path, *, labels: list[str], classes: dict[str, str], exclusive: bool) -> pd.DataFrame:
    """Read the X-rays that `root/metadata.csv` lists; lateral images, CT and other findings are left out.

    `classes` maps a part of a finding (`Pneumonia/Viral/COVID-19`, formerly `COVID-19, ARDS`) to a label. If labels are
    `exclusive`, only the last part that maps counts, which is the most specific. Without `labels` and `classes`, every
    finding counts. Raises `BadInput` for a missing file
    or column, a class that is no label or in no finding, and a file that is listed with two different labels.
    """
    classes = label_mapping.checked_classes(classes, labels)
    file = Path(root) / "metadata.csv"
    columns = ["patientid", "finding", "view", "filename"]
    cells = csv_table.read(file, columns=columns, optional=["modality", "folder", "sex", "age"])
    parts = cells["finding"].map(lambda finding: [part.strip() for part in re.split("[/,]", finding)])
    mapped = parts.map(lambda row: [part for part in row if part in classes])
    cells["found"] = mapped.map(lambda row: tuple(row[-1:] if exclusive else row))
    cells["left_out"] = _left_out(cells, any_finding=not classes)
    present = set(parts[~cells["left_out"].isin(["lateral view", "CT"])].explode())
    label_mapping.refuse_absent(classes, present, present, f"{file}: found no frontal X-ray with finding")
    patient = identities.patients(cells["patientid"])
    for column, values in {"patientid": patient, "filename": cells["filename"]}.items():
        csv_table.refuse(cells, (values == "") & (cells["left_out"] == ""), column, "a name")
    cells["patientid"] = patient
    folders = cells["folder"].replace("", "images")
    cells["filename"] = [str(PurePosixPath(*pair)) for pair in zip(folders, cells["filename"], strict=True)]
    wanted = _merge_repeats(cells[cells["left_out"] == ""].copy(), classes)
    wanted["filename"] = csv_table.checked_paths(wanted, "filename")
    others = cells[(cells["left_out"] != "") & ~cells["filename"].isin(wanted["filename"])].drop_duplicates("filename")
    others = others.assign(filename=csv_table.checked_paths(others, "filename"))
    cells = pd.concat([wanted, others], ignore_index=True)
    return label_mapping.table(
        cells["filename"],
        patient=cells["patientid"],
        left_out=cells["left_out"],
        **attributes.columns(sex=cells["sex"], age=cells["age"], view=cells["view"]),
        **label_mapping.columns(cells["found"], classes=classes, labels=labels),
    )


def _left_out(cells: pd.DataFrame, *, any_finding: bool) -> np.ndarray:
    """Return why each row is not used: the first reason that applies, or ""."""
    reasons = {
        "CT": (cells["modality"].str.lower() == "ct") | cells["view"].str.lower().isin(SLICES),
        "lateral view": cells["view"].str.lower().isin(LATERAL),
        "another finding": (cells["found"].str.len() == 0) & (not any_finding),
    }
    return np.select(list(reasons.values()), list(reasons), default="")


def _merge_repeats(cells: pd.DataFrame, classes: dict[str, str]) -> pd.DataFrame:
    """Keep the first row of each file. Patients under whose ids the same file is listed become one patient."""
    cells["label"] = cells["found"].map(lambda found: ", ".join(sorted({classes[name] for name in found})))
    for image in cells["filename"][cells["filename"].duplicated()].unique():
        same = cells[cells["filename"] == image]
        first = same.iloc[0]
        csv_table.refuse(same, same["label"] != first["label"], "label", f"{first['label']!r} as the row before")
        cells["patientid"] = cells["patientid"].replace(dict.fromkeys(same["patientid"], first["patientid"]))
    return cells.drop_duplicates("filename")
