"""`data/prepared.h5`: the images as the networks see them, split, labelled and named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from distill import hdf5
from distill.mapped import Writer, allocate, mapped

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
        """`rows` without those of which no label is known; the others repeat until the epoch is as long (M,)."""
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
    with hdf5.new(path) as file:
        hdf5.note(file, format=FORMAT, study=study, labels=names, size=size, mean=mean, std=std)
        for split in SPLITS:
            group = file.create_group(split)
            allocate(group, "images", (len(columns[split]["image_id"]), size, size), "uint8")
            hdf5.store(group, "labels", np.asarray(columns[split]["labels"], np.float32))
            for column in COLUMNS:
                hdf5.store(group, column, np.asarray(columns[split][column], str))
        hdf5.store(file["train"], "rows", np.asarray(rows, np.int64))


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
    """One split, its images mapped and not read. Raises BadInput if the file is none of this format, or damaged."""
    with hdf5.opened(path, what="prepared data", version=FORMAT, expected="what `prepare` writes") as file:
        return _split(file, split)


def _split(file: h5py.File, split: str) -> Split:
    about = {name: hdf5.fact(file, name) for name in ("labels", "mean", "std", "study", "size")}
    count, size = len(file[split]["image_id"]), about["size"]
    group, images = file[split], hdf5.dataset(file[split], "images", "uint8", (count, size, size))
    labels = hdf5.load(group, "labels", "float32", (count, len(about["labels"])))
    columns = {column: hdf5.load(group, column, "S", (count,)) for column in COLUMNS}
    rows = hdf5.load(group, "rows", "int64", (None,)) if split == "train" else np.arange(count)
    _refuse(about, labels, rows)
    names = {"names": about["labels"], "study": about["study"], "mean": about["mean"], "std": about["std"]}
    return Split(images=mapped(images), labels=labels, rows=rows, **columns, **names)


def _refuse(about: dict, labels: np.ndarray, rows: np.ndarray) -> None:
    """Raise ValueError for values that no prepared file has."""
    if not (isinstance(about["labels"], list) and isinstance(about["study"], str)):
        raise ValueError(f"labels {about['labels']}, study {about['study']}, expected names and a name")
    if not 0 <= about["mean"] <= 1 or not 0 < about["std"] <= 1:
        raise ValueError(f"mean {about['mean']}, std {about['std']} of grey values, expected some in 0..1")
    if not (np.isnan(labels) | np.isin(labels, (0, 1))).all():
        raise ValueError("labels are not all 0, 1 or unknown")
    if len(rows) and not 0 <= rows.min() <= rows.max() < len(labels):
        raise ValueError(f"rows {rows.min()} to {rows.max()}, expected some of {len(labels)}")
