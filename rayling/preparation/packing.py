"""From the decoded pixels to what stays: `data/prepared.h5`, `data/pixels/`, and a contact sheet of each split.

`kept` is the table of the images that are not left out. `row` is the place of an image in a file `pixels`, which holds
N images, uint8 (N, size, size).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from rayling.common.plotting import label_sheet
from rayling.config.schema import Data
from rayling.storage import prepared
from rayling.storage.prepared import SPLITS

BLOCK = 256  # images in memory at a time
SHEET_COLUMNS = 10  # images in a row of a contact sheet


def write_prepared(
    path: str | Path,
    kept: pd.DataFrame,
    pixels: Path,
    strata: tuple[np.ndarray, np.ndarray],
    *,
    data: Data,
    study: str,
) -> None:
    """Write the kept images, their labels and the `strata` of train (`sampling.strata`) to `path`."""
    columns = {split: _columns(kept[kept["split"] == split], data.labels) for split in SPLITS}
    about = {"study": study, "names": data.labels, "exclusive": data.exclusive, "size": data.size, "strata": strata}
    moments = prepared.moments(_images(kept, "train", pixels, data.size))
    prepared.create(path, columns=columns, moments=moments, **about)
    for split in SPLITS:
        prepared.fill(path, split, _images(kept, split, pixels, data.size))


def write_pixels(path: str | Path, kept: pd.DataFrame, pixels: Path, *, size: int, data: Data) -> None:
    """Write the kept images at the `size` that a network looks at to `path`; none if the prepared ones have it."""
    if size == data.size:
        return prepared.create_no_pixels(path)
    image_id = {split: kept.loc[kept["split"] == split, "image"] for split in SPLITS}
    moments = prepared.moments(_images(kept, "train", pixels, size))
    prepared.create_pixels(path, size=size, image_id=image_id, moments=moments)
    for split in SPLITS:
        prepared.fill(path, split, _images(kept, split, pixels, size))


def draw_sheets(folder: Path, kept: pd.DataFrame, pixels: Path, *, data: Data, study: str) -> None:
    """Write a contact sheet of each split: one row per label of each source, with images from all over the set."""
    having = {label: kept[label] == 1 for label in data.labels}
    negative, positive = (kept[data.labels] == 0).all(axis=1), (kept[data.labels] == 1).any(axis=1)
    having |= {"none of the labels": negative, "labels unknown": ~negative & ~positive}
    for split in SPLITS:
        sheet = {}
        for source in sorted(kept["source"].unique()):
            for label, has in having.items():
                rows = kept.loc[has & (kept["source"] == source) & (kept["split"] == split), "row"].to_numpy(int)
                if len(rows):
                    shown = rows[:: max(1, len(rows) // SHEET_COLUMNS)][:SHEET_COLUMNS]
                    sheet[f"{label}\n{source}: {len(rows):,}"] = next(pixel_blocks(pixels, shown, data.size))
        title = f"{study}, {split}: {(kept['split'] == split).sum():,} images"
        label_sheet(folder / f"{split}.png", rows=sheet, columns=SHEET_COLUMNS, title=title)


def pixel_blocks(pixels: Path, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the images of `rows` from the file `pixels`, uint8 (n, size, size), a block at a time.

    Each block has a memory map of its own: the pages of one map would stay with the process until its end.
    """
    for first in range(0, len(rows), BLOCK):
        yield np.memmap(pixels, np.uint8, "r").reshape(-1, size, size)[rows[first : first + BLOCK]]


def _images(kept: pd.DataFrame, split: str, pixels: Path, size: int) -> Iterator[np.ndarray]:
    return pixel_blocks(pixels, kept.loc[kept["split"] == split, "row"].to_numpy(int), size)


def _columns(part: pd.DataFrame, labels: list[str]) -> dict[str, np.ndarray]:
    """Return what `prepared.create` needs of one split."""
    named = {"image_id": "image", "patient_id": "patient"}
    text = {name: part[named.get(name, name)].to_numpy(str) for name in prepared.COLUMNS}
    return text | {"labels": part[labels].to_numpy(), "age": part["age"].to_numpy()}
