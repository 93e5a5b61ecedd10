"""A CSV of one's own: a row an image."""

from pathlib import Path

import numpy as np
import pandas as pd

from distill import checked_csv
from distill.readers import findings

KEYS = ("image", "patient", "split", "source", "label")
SPLITS = {"": "", "train": "train", "test": "test"} | dict.fromkeys(["dev", "val", "valid", "validation"], "dev")
VALUES = {"1": 1.0, "1.0": 1.0, "true": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "": np.nan, "nan": np.nan}


def plain_csv(
    root: str | Path, *, labels: list[str], classes: dict[str, str], file: str, columns: dict[str, str]
) -> pd.DataFrame:
    """Read `root/file`: column `image` (path below `root`), and if there `patient`, `split` and `source`.

    Either every class is a column of 1, 0 and blank (unknown), or a column `label` names the classes of an
    image, joined by `|`. `columns` maps any of these five names to what the file calls it; `classes` maps the
    file's classes to labels ("" for none of them). Without a patient an image is one of its own. Raises
    `BadInput` for a missing column and an unknown value.
    """
    path, classes = Path(root) / file, findings.meanings(classes, labels)
    name = {key: columns.get(key, key) for key in KEYS}
    header = checked_csv.header(path)
    one_column = header.has(name["label"]) and not all(map(header.has, classes))
    wanted = [name["label"]] if one_column else list(classes)
    must = [name["image"], *(columns[key] for key in columns), *wanted]
    cells = checked_csv.read(path, columns=dict.fromkeys(must), optional=[name[key] for key in KEYS])
    image = checked_csv.inside(cells, name["image"])
    split = cells[name["split"]].str.lower()
    checked_csv.refuse(cells, ~split.isin(list(SPLITS)), name["split"], "train, dev, test or blank")
    if one_column:
        found = _named(cells, name["label"], classes=classes, labels=labels)
    else:
        known = {"classes": classes, "labels": labels, "values": lambda _: VALUES}
        found = findings.from_columns(cells, **known, expected="1, 0 or blank (unknown)")
    patient = cells[name["patient"]].where(cells[name["patient"]] != "", image)
    table = findings.table(image, patient=patient, split=split.map(SPLITS), **found)
    return table.assign(source=cells[name["source"]]) if header.has(name["source"]) else table


def _named(cells: pd.DataFrame, column: str, *, classes: dict[str, str], labels: list[str]) -> dict[str, np.ndarray]:
    """Each label from the names in one column; a blank one says nothing."""
    names = [{name.strip() for name in text.split("|")} - {""} for text in cells[column]]
    strange = pd.Series([bool(row - set(classes)) for row in names], index=cells.index, dtype=bool)
    checked_csv.refuse(cells, strange, column, f"names out of {', '.join(classes)}, joined by |")
    found = findings.columns(names, classes=classes, labels=labels)
    blank = np.array([not row for row in names], dtype=bool)
    return {label: np.where(blank, np.float32(np.nan), values) for label, values in found.items()}
