"""`data/prepared.h5`: the images as the networks see them, split, labelled and named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rayling.common.errors import BadInput
from rayling.storage import arrays
from rayling.storage.arrays import Writer, allocate, dataset, map_array, read_array, read_attribute

FORMAT = 2
SPLITS = ("train", "dev", "test")
COLUMNS = ("image_id", "patient_id", "source")


@dataclass(frozen=True)
class Split:
    """One split: N images of size H × H, their labels, and the rows of one epoch."""

    images: np.ndarray  # (N, H, H) uint8, mapped
    labels: np.ndarray  # (N, K) float32: 1, 0 or NaN (unknown)
    image_id: np.ndarray  # (N,) str
    patient_id: np.ndarray  # (N,) str, one person each
    source: np.ndarray  # (N,) str
    rows: np.ndarray  # (M,) int64, one balanced epoch of train; every row once elsewhere
    names: list[str]  # the K labels
    mean: float  # of the train images, grey values in 0..1
    std: float
    study: str

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[1]

    @property
    def labelled_rows(self) -> np.ndarray:
        """`rows` without those that have no known label; the others repeat until the epoch is as long (M,)."""
        known = self.rows[~np.isnan(self.labels[self.rows]).all(axis=1)]
        return known[np.arange(len(self.rows)) * len(known) // len(self.rows)]  # equally often, give or take one


def create(
    path: str | Path,
    *,
    study: str,
    names: list[str],
    size: int,
    columns: Mapping[str, Mapping],
    rows: np.ndarray,
    moments: tuple[float, float],
) -> None:
    """Lay the file out with everything but the pixels.

    `columns` maps a split to its `labels` (N, K), `image_id`, `patient_id` and `source`;
    `rows` (M,) is the balanced epoch of train; `moments` are those of its images.
    """
    mean, std = moments
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=FORMAT, study=study, labels=names, size=size, mean=mean, std=std)
        for split in SPLITS:
            group = file.create_group(split)
            allocate(group, "images", (len(columns[split]["image_id"]), size, size), "uint8")
            arrays.write_array(group, "labels", np.asarray(columns[split]["labels"], np.float32))
            for column in COLUMNS:
                arrays.write_array(group, column, np.asarray(columns[split][column], str))
        arrays.write_array(file["train"], "rows", np.asarray(rows, np.int64))


def fill(path: str | Path, split: str, blocks: Iterable[np.ndarray]) -> None:
    """Write the images of one split, (n, H, H) uint8 a block, in the order of its `image_id`."""
    first, images = 0, f"{split}/images"
    with Writer(path, [images]) as writer:
        for block in blocks:
            writer.put(images, first, block)
            first += len(block)


def moments(blocks: Iterable[np.ndarray]) -> tuple[float, float]:
    """The mean and the standard deviation of images, (n, H, H) uint8 a block, as grey values in 0..1."""
    histogram = np.zeros(256, np.int64)
    for block in blocks:
        histogram += np.bincount(block.ravel(), minlength=256)
    grey = np.arange(256) / 255
    mean = float(np.average(grey, weights=histogram))
    return mean, max(1e-6, float(np.sqrt(np.average((grey - mean) ** 2, weights=histogram))))


def read(path: str | Path, split: str) -> Split:
    """One split; its images are mapped. Raises BadInput if the file is of another format, or damaged."""
    expected = f"prepared data of format {FORMAT}, as the stage `prepare` writes them"
    with arrays.open_checked(path, version=FORMAT, expected=expected) as file:
        kinds = {"labels": list, "study": str, "size": int, "mean": float, "std": float}
        names, study, size, mean, std = (read_attribute(file, name, kind) for name, kind in kinds.items())
        count = len(dataset(file, f"{split}/image_id", "S", (None,)))
        images = map_array(file, f"{split}/images", "uint8", (count, size, size))
        labels = read_array(file, f"{split}/labels", "float32", (count, len(names)))
        columns = {column: read_array(file, f"{split}/{column}", "S", (count,)) for column in COLUMNS}
        rows = read_array(file, "train/rows", "int64", (None,)) if split == "train" else np.arange(count)
    found = Split(images=images, labels=labels, rows=rows, **columns, names=names, mean=mean, std=std, study=study)
    _check(path, found)
    return found


def _check(path: str | Path, split: Split) -> None:
    """Raise BadInput for values that no prepared file has."""
    labels, rows = split.labels, split.rows
    if not 0 <= split.mean <= 1 or not 0 < split.std <= 1:
        raise BadInput(f"{path}: found mean {split.mean}, std {split.std} of grey values, expected some in 0..1")
    if not (np.isnan(labels) | np.isin(labels, (0, 1))).all():
        raise BadInput(f"{path}: found labels that are not 0, 1 or NaN, expected no others")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(labels):
        raise BadInput(f"{path}: found rows {rows.min()} to {rows.max()}, expected some of {len(labels)}")
