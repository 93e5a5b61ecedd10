"""The images that are kept, from the order in which they were decoded into `data/prepared.h5`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from distill import dumps, prepared
from distill.atomic import atomic
from distill.schema import Data

BLOCK = 256  # images in memory at a time


def pack(kept: pd.DataFrame, pixels: Path, rows: np.ndarray, *, data: Data, study: str) -> None:
    """Write data/prepared.h5 and the empty dump that goes with it."""
    parts = {split: kept[kept["split"] == split] for split in prepared.SPLITS}
    columns = {split: columns_of(part, data.labels) for split, part in parts.items()}
    about = {"study": study, "names": data.labels, "size": data.size, "columns": columns, "rows": rows}

    def of(split):
        return blocks(pixels, parts[split]["row"].to_numpy(int), data.size)

    with atomic("data/prepared.h5") as path:
        prepared.create(path, **about, moments=prepared.moments(of("train")))
        for split in prepared.SPLITS:
            prepared.fill(path, split, of(split))
    with atomic("data/dumps/labels.h5") as path:
        dumps.create(path, names=data.labels, image_id=columns["train"]["image_id"])


def columns_of(part: pd.DataFrame, labels: list[str]) -> dict[str, np.ndarray]:
    """What `prepared.create` wants of one split."""
    text = {"image_id": part["image"], "patient_id": part["patient"], "source": part["source"]}
    return {"labels": part[labels].to_numpy()} | {name: column.to_numpy(str) for name, column in text.items()}


def blocks(pixels: Path, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """The images (n, size, size) of some `rows`, a block at a time.

    Each block has a map of its own: the pages of one map would stay with the process until its end.
    """
    for first in range(0, len(rows), BLOCK):
        yield np.memmap(pixels, np.uint8, "r").reshape(-1, size, size)[rows[first : first + BLOCK]]
