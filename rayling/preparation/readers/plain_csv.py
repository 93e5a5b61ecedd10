"""A CSV of the user's own, one row per image."""

from pathlib import Path

import numpy as np
import pandas as pd

from rayling.preparation import csv_table, identities
from rayling.preparation.readers import attributes, label_mapping

KEYS = ("image", "patient", "split", "source", "label", "sex", "age", "view")
VALUES = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0}
VALUES |= dict.fromkeys(["", "nan", "na", "n/a", "none", "null"], np.nan)


def plain_csv(
    root: str | Path,
    *,
    labels: list[str],
    classes: dict[str, str],
    file: str,
    columns: dict[str, str],
    path: str = "",
    all_are: str = "",
) -> pd.DataFrame:
    """Read `root/file`: the column `image` (path below `root`) and, if they exist, `patient`, `split`, `source`, `sex`,
    `age` and `view`.

    Either every class is a column of 1, 0 and blank (unknown), or the column `label` names the classes of an image,
    joined by `|`. `columns` maps any of these names to that in the file. `classes` maps the file's classes to
    labels ("" for none of them). With `all_are`, every image has that label, and of the others nothing is known. Where
    the file has the names of images alone, `path` says where they are, with {} for the name. An image without a patient
    counts as one. Raises `BadInput` for a missing column and an unknown value.
    """
    listed, classes = Path(root) / file, {} if all_are else label_mapping.checked_classes(classes, labels)
    name = {key: columns.get(key, key) for key in KEYS}
    header = csv_table.header(listed)
    one_column = header.has(name["label"]) and not all(map(header.has, classes))
    wanted = [name["label"]] if one_column else list(classes)
    required = [name["image"], *(columns[key] for key in columns), *wanted]
    cells = csv_table.read(listed, columns=dict.fromkeys(required), optional=[name[key] for key in KEYS])
    image = csv_table.checked_paths(cells, name["image"]).map(lambda found: (path or "{}").replace("{}", found))
    split = identities.without_blanks(cells[name["split"]]).str.lower()
    csv_table.refuse(cells, ~split.isin(list(identities.SPLITS)), name["split"], "train, dev, test or blank")
    if one_column:
        found = _from_names(cells, name["label"], classes=classes, labels=labels)
    else:
        known = {"classes": classes, "labels": labels, "values": lambda _: VALUES}
        found = label_mapping.from_columns(cells, **known, expected="1, 0 or blank (unknown)")
    if all_are in found:
        found[all_are][:] = 1
    patient = identities.patients(cells[name["patient"]])
    patient = patient.where(patient != "", image)
    about = attributes.columns(**{key: cells[name[key]] for key in ("sex", "age", "view")})
    table = label_mapping.table(image, patient=patient, split=split.map(identities.SPLITS), **about, **found)
    source = identities.without_blanks(cells[name["source"]])
    return table.assign(source=source) if header.has(name["source"]) else table


def _from_names(
    cells: pd.DataFrame, column: str, *, classes: dict[str, str], labels: list[str]
) -> dict[str, np.ndarray]:
    """Return a column per label from the names in one column; where that is blank, all labels are unknown."""
    names = [{name.strip() for name in text.split("|")} - {""} for text in cells[column]]
    unknown = pd.Series([bool(row - set(classes)) for row in names], index=cells.index, dtype=bool)
    csv_table.refuse(cells, unknown, column, f"names out of {', '.join(classes)}, joined by |")
    found = label_mapping.columns(names, classes=classes, labels=labels)
    blank = np.array([not row for row in names], dtype=bool)
    return {label: np.where(blank, np.float32(np.nan), values) for label, values in found.items()}
