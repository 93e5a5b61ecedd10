"""NIH ChestX-ray14 (Wang et al. 2017): findings joined by `|`, or `No Finding`."""

from pathlib import Path, PurePosixPath

import pandas as pd

from distill import checked_csv, files
from distill.errors import BadInput
from distill.readers import findings

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
LISTS = ("train_val_list.txt", TEST := "test_list.txt")


def nih(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read `root/Data_Entry_2017[_v2020].csv`; images lie anywhere below `root` (`images/`, `images_001/images/`...).

    `classes` maps a finding to a label; empty, each label is a finding. Where the official lists are, the test
    list is split "test", and where both are, each image must stand in one. Raises `BadInput` for a missing
    table or column, a finding that no image has, and an image in both lists or in none.
    """
    root = Path(root)
    classes = findings.meanings(classes, labels)
    table = next((root / name for name in TABLES if (root / name).is_file()), root / TABLES[-1])
    cells = checked_csv.read(table, columns=["Image Index", "Finding Labels", "Patient ID"])
    names = checked_csv.inside(cells, "Image Index")
    for column in ("Finding Labels", "Patient ID"):
        checked_csv.refuse(cells, cells[column] == "", column, "a name")
    found = cells["Finding Labels"].str.split("|", regex=False)
    present = set(found.explode())
    findings.refuse_absent(classes, present, present, f"{table}: found no image with finding")
    # sorted the other way round, so that of two copies the first in order stays
    place = {PurePosixPath(path).name: path for path in reversed(files.images(root))}
    return findings.table(
        [place.get(name, f"images/{name}") for name in names],
        patient=cells["Patient ID"],
        split=_official(root, names, table),
        **findings.columns(found, classes=classes, labels=labels),
    )


def _official(root: Path, names: pd.Series, table: Path) -> list[str]:
    """The split of each image by the lists that there are, which may name more than a part of the set has."""
    listed = {name: set((root / name).read_text("utf-8-sig").split()) for name in LISTS if (root / name).is_file()}
    if len(listed) == len(LISTS):
        both = sorted(set.intersection(*listed.values()))
        neither = names[~names.isin(set.union(*listed.values()))]
        if both or len(neither):
            what = f"{both[0]} stands in both" if both else f"{neither.iloc[0]} of {table.name} stands in none"
            raise BadInput(f"{root}: {' and '.join(LISTS)}: {what}, expected in one of the two")
    return ["test" if name in listed.get(TEST, ()) else "" for name in names]
