"""The split as a CSV that a person can read, and give back (`data.split_file`)."""

from pathlib import Path

import pandas as pd

from distill import checked_csv
from distill.errors import BadInput
from distill.splits import LEFT_OUT

SIDES = ("", "train", "dev", "test", LEFT_OUT)


def write(path: str | Path, table: pd.DataFrame, *, labels: list[str]) -> None:
    """One row an image: `image`, `split`, `left_out` (why it is not in the set), `patient`, `source`, the labels.

    `split` is train, dev, test or "left out"; that of a copy is the side of the film that stayed.
    """
    checked_csv.write(path, table[["image", "split", "left_out", "patient", "source", *labels]])


def give(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """`table` with the split that the CSV at `path` (columns `image` and `split`) gives its images.

    "" is free, to be dealt out by the shares, as is an image that the file does not list. Raises `BadInput` for a
    value that is no side, an image that the study does not have, and one that its reader leaves out.
    """
    cells = checked_csv.read(path, columns=["image", "split"])
    cells["image"] = checked_csv.inside(cells, "image")
    checked_csv.refuse(cells, ~cells["split"].isin(SIDES), "split", "train, dev, test, left out or blank")
    checked_csv.refuse(cells, ~cells["image"].isin(table["image"]), "image", "an image of the study")
    given = cells.set_index("image")["split"]
    split = table["image"].map(given).fillna(table["split"])
    wanted = (table["left_out"] != "") & split.isin(SIDES[1:4])
    if wanted.any():
        row = table[wanted].iloc[0]
        raise BadInput(f"{path}: {row['image']} is {split[wanted].iloc[0]}, expected left out: {row['left_out']}")
    left_out = table["left_out"].mask((table["left_out"] == "") & (split == LEFT_OUT), "by the split file")
    return table.assign(split=split.replace(LEFT_OUT, ""), left_out=left_out)
