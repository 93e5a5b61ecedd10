"""One function for each layout of a data set: a folder on disk -> one table of images, patients and labels.

The table has `image` (path below `root`, forward slashes, unique), `patient`, `split` ("", or "test" for an
official test image) and one float32 column a label: 1, 0 or NaN (unknown). Rows keep the order of the CSV, or
are sorted by path. Images are not opened here.
"""

import csv
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from distill.errors import BadInput

SUFFIXES = {".jpeg", ".jpg", ".png"}
POLICIES = {"ignore": np.nan, "ones": 1.0, "zeros": 0.0}

# The patient is the id that upstream wrote into the name. `person10` is one patient in `_bacteria_` and in
# `_virus_`, in train and in test: upstream does not say, and the pixels suggest two, but a false merge costs
# nothing and a false split leaks. `NORMAL2-IM-0383` is written as another id than `IM-0383`, and the pixels
# agree: for 211 shared numbers the images are as alike as strangers (median correlation 0.73; 0.76 between two
# of one id). Upstream's own release (Mendeley Data) writes `BACTERIA-<patient>-<image>`.
KERMANY_PATIENT = re.compile(r"(person\d+)_|((?:NORMAL2-)?IM-\d+)-|(?:NORMAL|BACTERIA|VIRUS)-(\d+)-")


def chexpert(
    root: str | Path, *, labels: list[str], frontal_only: bool = True, uncertain: dict[str, str], blank: str
) -> pd.DataFrame:
    """Read CheXpert's `train.csv` (split "") and `valid.csv` (split "test": the paper's test set).

    `uncertain` says for each label (or "default") what -1 becomes: ignore (NaN) | ones | zeros; `blank` says
    it of an empty cell: ignore | zeros. Raises `BadInput` for a missing file or column or an unknown value.
    """
    meanings = _meanings(labels, uncertain=uncertain, blank=blank)
    columns = ["Path", "Frontal/Lateral", *labels]
    train = _read_csv(Path(root) / "train.csv", columns=columns).assign(split="")
    valid = _read_csv(Path(root) / "valid.csv", columns=columns).assign(split="test")
    cells = pd.concat([train, valid], ignore_index=True)
    side = cells["Frontal/Lateral"]
    _refuse(cells, ~side.isin(["Frontal", "Lateral"]), "Frontal/Lateral", "Frontal or Lateral")
    if frontal_only:
        cells = cells[side == "Frontal"].reset_index(drop=True)
    if cells.empty:
        raise BadInput(f"{root}: found no{' frontal' * frontal_only} image in train.csv and valid.csv, expected some")
    cells["Path"] = _inside(cells, "Path")
    patient = cells["Path"].str.extract(r"/(patient\d+)/", expand=False)
    _refuse(cells, patient.isna(), "Path", "a folder patientNNNNN in it")
    # The first folder of a path is the set's own (`CheXpert-v1.0-small`): that is `root`, whatever its name.
    image = cells["Path"].map(lambda path: path.partition("/")[2])
    table = pd.DataFrame({"image": image, "patient": patient, "split": cells["split"]})
    for label in labels:
        _refuse(cells, ~cells[label].isin(list(meanings[label])), label, "1, 0, -1 or blank")
        table[label] = cells[label].map(meanings[label]).astype(np.float32)
    return table


def class_folders(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read `root/[train|val|test/]<folder>/*.jpeg`: Kermany's set as on Kaggle, or any folders of classes.

    `classes` maps a folder, or a part of one by file name (`PNEUMONIA/virus`), to the label that is 1 while
    the others are 0; other folders are left out. Folder `test` is split "test". Raises `BadInput` for a
    missing root, a class that is no label, and a class without an image.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder; expected class folders in it: {', '.join(classes)}")
    _check_classes(classes, labels=labels)
    tops = [root / name for name in ("train", "val", "test") if (root / name).is_dir()] or [root]
    folders = {key.split("/")[0] for key in classes}
    files = sorted(file for top in tops for folder in folders for file in (top / folder).glob("[!.]*.*"))
    keyed = [(file, _class_of(file, classes=classes)) for file in files if file.suffix.lower() in SUFFIXES]
    present = {folder.name for top in tops for folder in top.iterdir() if folder.is_dir()}
    _check_found(classes, {key for _, key in keyed}, present, f"{root}: found no image of class")
    rows = []
    for file, key in keyed:
        split = "test" if file.parent.parent == root / "test" else ""
        if key:
            rows.append((file.relative_to(root).as_posix(), _kermany_patient(file), split, classes[key]))
    return _one_label_each(rows, labels=labels)


def covid_chestxray(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read the frontal X-rays that `root/metadata.csv` of covid-chestxray-dataset lists.

    `classes` maps a part of a finding (`Pneumonia/Viral/COVID-19`, formerly `COVID-19, ARDS`) to the label
    that is 1; the last part that maps wins, a row without one is left out. Raises `BadInput` for a missing
    file or column, a class that is no label or in no finding, and a file that stands under two labels.
    """
    _check_classes(classes, labels=labels)
    file = Path(root) / "metadata.csv"
    columns = ["patientid", "finding", "view", "modality", "filename"]
    cells = _read_csv(file, columns=columns, optional=["folder"]).assign(split="")
    cells = cells[~cells["view"].str.lower().isin(["l", "lateral"]) & (cells["modality"].str.lower() != "ct")]
    parts = cells["finding"].map(lambda finding: [part.strip() for part in re.split("[/,]", finding)])
    present = set(parts.explode())
    _check_found(classes, present, present, f"{file}: found no frontal X-ray with finding")
    cells["label"] = [next((classes[part] for part in row[::-1] if part in classes), "") for row in parts]
    cells = cells[cells["label"] != ""]
    for column in ("patientid", "filename"):
        _refuse(cells, cells[column] == "", column, "a name")
    folders = cells["folder"].replace("", "images")
    cells["filename"] = [str(PurePosixPath(*pair)) for pair in zip(folders, cells["filename"], strict=True)]
    cells = _merge_repeats(cells)
    cells["filename"] = _inside(cells, "filename")
    return _one_label_each(cells[["filename", "patientid", "split", "label"]].to_numpy(), labels=labels)


READERS = {"chexpert": chexpert, "class_folders": class_folders, "covid_chestxray": covid_chestxray}


def _read_csv(file: Path, *, columns: list[str], optional: Iterable[str] = ()) -> pd.DataFrame:
    """The named columns as stripped text ("" for a missing optional one), and `at`: the file and the row."""
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected a CSV with columns {', '.join(columns)}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            header = {_plain(name): name for name in rows.fieldnames or ()}
            for column in columns:
                if _plain(column) not in header:
                    raise BadInput(f"{file}, row 1: found no column {column!r}; {_nearest(column, header.values())}")
            names = {column: header.get(_plain(column)) for column in (*columns, *optional)}
            cells = [_cells(row, names=names, at=f"{file}, row {rows.line_num}") for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file}: found {error}; expected a CSV in UTF-8") from error
    return pd.DataFrame(cells, columns=[*names, "at"])


def _cells(row: dict[str, str], *, names: dict[str, str], at: str) -> tuple[str, ...]:
    if None in row or None in row.values():  # how DictReader marks too many cells, and too few
        raise BadInput(f"{at}: found another number of cells than the header has; expected the same")
    return *(row.get(name, "").strip() for name in names.values()), at


def _plain(name: str) -> str:
    """Upstream has written `patientid`, `Patientid`, `patient id`; `finding`, `findings`: all one name."""
    return re.sub(r"[\s_]", "", name.lower()).removesuffix("s")


def _nearest(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"the nearest is {near[0]!r}"
    return f"expected one of {', '.join(sorted(known))}" if known else "the file has no header"


def _refuse(cells: pd.DataFrame, wrong: pd.Series, column: str, expected: str) -> None:
    """Raise `BadInput` for the first row that is `wrong`."""
    if wrong.any():
        row = cells[wrong].iloc[0]
        raise BadInput(f"{row['at']}: {column} is {row[column]!r}, expected {expected}")


def _inside(cells: pd.DataFrame, column: str) -> pd.Series:
    """The paths of `column` in normal form; refuses one that leaves the root, or stands there twice."""
    paths = cells[column].map(PurePosixPath)
    leaves = paths.map(lambda path: path.is_absolute() or ".." in path.parts or "\\" in str(path))
    _refuse(cells, leaves, column, "a path that stays below the root, with forward slashes")
    normal = paths.map(str)
    _refuse(cells, normal.duplicated(), column, "each image once")
    return normal


def _class_of(file: Path, *, classes: dict[str, str]) -> str | None:
    """The key of `classes` for this file; `PNEUMONIA/virus` before `PNEUMONIA`."""
    kind = re.search("bacteria|virus", file.stem.lower())
    keys = [f"{file.parent.name}/{kind[0]}"] if kind else []
    return next((key for key in [*keys, file.parent.name] if key in classes), None)


def _kermany_patient(file: Path) -> str:
    match = KERMANY_PATIENT.match(file.stem)
    return match[match.lastindex] if match else file.stem


def _merge_repeats(cells: pd.DataFrame) -> pd.DataFrame:
    """Keep the first row of each file; two ids under which upstream lists one file are one patient."""
    for image in cells["filename"][cells["filename"].duplicated()].unique():
        same = cells[cells["filename"] == image]
        _refuse(
            same,
            same["label"] != same["label"].iloc[0],
            "label",
            f"{same['label'].iloc[0]!r} as the row before",
        )
        cells["patientid"] = cells["patientid"].replace(dict.fromkeys(same["patientid"], same["patientid"].iloc[0]))
    return cells.drop_duplicates("filename")


def _meanings(labels: list[str], *, uncertain: dict[str, str], blank: str) -> dict[str, dict[str, float]]:
    """What each text in a column means, by label."""
    for key in uncertain:
        if key not in labels and key != "default":
            raise BadInput(f"uncertain: found {key!r}, which is no label of the study; {_nearest(key, labels)}")
    chosen = {label: uncertain.get(label, uncertain.get("default")) for label in labels}
    for label, policy in chosen.items():
        if policy not in POLICIES:
            raise BadInput(f"uncertain: found {policy!r} for {label!r}, expected one of {', '.join(POLICIES)}")
    if blank not in ("ignore", "zeros"):
        raise BadInput(f"blank: found {blank!r}, expected ignore or zeros")
    certain = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "": POLICIES[blank]}
    return {label: certain | dict.fromkeys(["-1", "-1.0"], POLICIES[policy]) for label, policy in chosen.items()}


def _check_classes(classes: dict[str, str], *, labels: list[str]) -> None:
    for key, label in classes.items():
        if label not in labels:
            raise BadInput(f"classes: {key!r} is {label!r}, which is no label of the study; {_nearest(label, labels)}")


def _check_found(classes: dict[str, str], found: set[str], known: set[str], what: str) -> None:
    for key in classes:
        if key not in found:
            there = key.split("/")[0] in known
            raise BadInput(f"{what} {key!r}; {'expected at least one' if there else _nearest(key, known)}")


def _one_label_each(rows: Iterable[Iterable[str]], *, labels: list[str]) -> pd.DataFrame:
    """The table from (image, patient, split, the one label that is 1)."""
    table = pd.DataFrame(rows, columns=["image", "patient", "split", "label"], dtype=str)
    for label in labels:
        table[label] = (table["label"] == label).astype(np.float32)
    return table.drop(columns="label")
