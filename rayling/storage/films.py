"""`data/external.h5`: the films of other hospitals, at each size that a network looks at, with their labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rayling.common.errors import BadInput
from rayling.storage import arrays
from rayling.storage.arrays import allocate, dataset, map_array, read_array, read_attribute

FORMAT = 1
COLUMNS = ("image_id", "patient_id", "source")


@dataclass(frozen=True)
class Films:
    """N films of all external sources."""

    images: dict[int, np.ndarray]  # size in pixels: (N, size, size) uint8, mapped
    labels: np.ndarray  # (N, K) float32: 1, 0 or NaN (unknown)
    image_id: np.ndarray  # (N,) str
    patient_id: np.ndarray  # (N,) str, one person each
    source: np.ndarray  # (N,) str
    names: list[str]  # the K labels


def create(
    path: str | Path, *, names: list[str], sizes: Iterable[int], labels: np.ndarray, columns: Mapping[str, Iterable]
) -> None:
    """Lay the file out with everything but the pixels; `labels` is (N, K), `columns` has each of `COLUMNS` (N,)."""
    sizes = sorted(sizes)
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=FORMAT, labels=names)
        arrays.write_array(file, "sizes", np.array(sizes, np.int64))
        arrays.write_array(file, "labels", np.asarray(labels, np.float32))
        for column in COLUMNS:
            arrays.write_array(file, column, np.asarray(columns[column], str))
        for size in sizes:
            allocate(file, f"images{size}", (len(labels), size, size), "uint8")


def fill(path: str | Path, size: int, blocks: Iterable[np.ndarray]) -> None:
    """Write the pixels of one size, (n, size, size) uint8 a block, in the order of the file."""
    arrays.fill(path, f"images{size}", blocks)


def read(path: str | Path) -> Films:
    """The films; their pixels are mapped. Raises BadInput if the file is of another format or damaged."""
    expected = f"films of format {FORMAT}, as the stage `prepare_external` writes them"
    with arrays.open_checked(path, version=FORMAT, expected=expected) as file:
        names, count = read_attribute(file, "labels", list), len(dataset(file, "image_id", "S", (None,)))
        labels = read_array(file, "labels", "float32", (count, len(names)))
        columns = {column: read_array(file, column, "S", (count,)) for column in COLUMNS}
        sizes = read_array(file, "sizes", "int64", (None,)).tolist()
        images = {size: map_array(file, f"images{size}", "uint8", (count, size, size)) for size in sizes}
    if not (np.isnan(labels) | np.isin(labels, (0, 1))).all():
        raise BadInput(f"{path}: found labels that are not 0, 1 or NaN, expected no others")
    return Films(images, labels, names=names, **columns)
