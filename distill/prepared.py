"""`data/prepared.h5`: the images as the networks see them, split, labelled and named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from distill.errors import BadInput
from distill.mapped import Writer, allocate, load, mapped, store

FORMAT = 1
SPLITS = ("train", "dev", "test")
COLUMNS = ("image_id", "patient_id", "source")
BLOCK = 256  # images in memory at a time


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
) -> None:
    """Lay the file out with everything but the pixels.

    `columns` maps a split to its `labels` (N, K), `image_id`, `patient_id` and `source`;
    `rows` (M,) is the balanced epoch of train.
    """
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": FORMAT, "study": study, "labels": names, "size": size})
        for split in SPLITS:
            group = file.create_group(split)
            allocate(group, "images", (len(columns[split]["image_id"]), size, size), "uint8")
            store(group, "labels", np.asarray(columns[split]["labels"], np.float32))
            for column in COLUMNS:
                store(group, column, np.asarray(columns[split][column], str))
        store(file["train"], "rows", np.asarray(rows, np.int64))


def fill(path: str | Path, split: str, blocks: Iterable[np.ndarray]) -> None:
    """Write the images of one split, (n, H, H) uint8 a block, in the order of its `image_id`."""
    first, images = 0, f"{split}/images"
    with Writer(path, [images]) as writer:
        for block in blocks:
            writer.put(images, first, block)
            first += len(block)


def measure(path: str | Path) -> None:
    """Note the mean and the standard deviation of the train images (grey values in 0..1) in the file."""
    histogram, count = np.zeros(256, np.int64), len(mapped(path, "train/images"))
    for first in range(0, count, BLOCK):
        images = mapped(path, "train/images")[first : first + BLOCK]
        histogram += np.bincount(images.ravel(), minlength=256)
    grey = np.arange(256) / 255
    mean = float(np.average(grey, weights=histogram))
    std = float(np.sqrt(np.average((grey - mean) ** 2, weights=histogram)))
    with h5py.File(path, "r+") as file:
        file.attrs.update({"mean": mean, "std": max(std, 1e-6)})


def read(path: str | Path, split: str) -> Split:
    """One split, its images mapped and not read. Raises BadInput if the file is none of this format."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise BadInput(f"{path}: format {file.attrs.get('format')}, expected prepared data of format {FORMAT}")
            return _split(file, path, split)
    except (OSError, KeyError) as error:
        raise BadInput(f"{path}: no prepared data: {error}; expected what `prepare` writes") from None


def _split(file: h5py.File, path: str | Path, split: str) -> Split:
    group, attributes = file[split], file.attrs
    return Split(
        images=mapped(path, f"{split}/images"),
        labels=load(group, "labels"),
        **{column: load(group, column) for column in COLUMNS},
        rows=load(group, "rows") if "rows" in group else np.arange(len(group["labels"])),
        names=list(attributes["labels"]),
        mean=float(attributes["mean"]),
        std=float(attributes["std"]),
        study=str(attributes["study"]),
    )
