"""`data/prepared.h5`: the images as the networks see them, split, labelled and named.

`data/pixels/<network>.h5` holds the same images for a network that looks at another size, or nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rayling.common.errors import BadInput
from rayling.storage import arrays
from rayling.storage.arrays import allocate, dataset, map_array, read_array, read_attribute

FORMAT = 4  # since 4 there are sex, age and view
PIXELS_FORMAT = 1  # of data/pixels/<network>.h5
SPLITS = ("train", "dev", "test")
COLUMNS = ("image_id", "patient_id", "group", "source", "sex", "view")  # of text
SEXES, VIEWS = ("female", "male"), ("AP", "PA")
OLDEST = 120  # years: no older patient is believed


@dataclass(frozen=True)
class Split:
    """One split: N images of size H × H, their labels, and how many rows of which stratum an epoch has.

    Each of the S strata but the last holds the rows of one balanced label, the last those of none.
    """

    images: np.ndarray  # (N, H, H) uint8, mapped
    labels: np.ndarray  # (N, K) float32: 1, 0 or NaN (unknown)
    image_id: np.ndarray  # (N,) str
    patient_id: np.ndarray  # (N,) str, one person each
    group: np.ndarray  # (N,) str, patients who share a near-duplicate are one
    source: np.ndarray  # (N,) str
    sex: np.ndarray  # (N,) str, one of SEXES, or "" (unknown)
    age: np.ndarray  # (N,) float32 years, 0 to OLDEST, or NaN (unknown)
    view: np.ndarray  # (N,) str, one of VIEWS, or "" (unknown)
    stratum: np.ndarray  # (N,) int64, 0 to S - 1
    wanted: np.ndarray  # (S,) int64, rows of each stratum in an epoch
    names: list[str]  # the K labels
    exclusive: bool  # an image that has one label has none of the others
    mean: float  # of the train images, grey values in 0..1
    std: float
    study: str

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[1]


def create(
    path: str | Path,
    *,
    study: str,
    names: list[str],
    exclusive: bool,
    size: int,
    columns: Mapping[str, Mapping],
    strata: tuple[np.ndarray, np.ndarray],
    moments: tuple[float, float],
) -> None:
    """Lay the file out with everything but the pixels.

    `columns` maps a split to its `labels` (N, K), `age` (N,) and each of `COLUMNS` (N,); `strata` are the `stratum`
    (N,) of each train row and the rows `wanted` (S,) of each in an epoch; `moments` are those of the train images.
    """
    mean, std = moments
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=FORMAT, study=study, labels=names, exclusive=int(exclusive))
        arrays.write_attributes(file, size=size, mean=mean, std=std)
        for split in SPLITS:
            group = file.create_group(split)
            allocate(group, "images", (len(columns[split]["image_id"]), size, size), "uint8")
            for name in ("labels", "age"):
                arrays.write_array(group, name, np.asarray(columns[split][name], np.float32))
            for column in COLUMNS:
                arrays.write_array(group, column, np.asarray(columns[split][column], str))
        for name, values in zip(("stratum", "wanted"), strata, strict=True):
            arrays.write_array(file["train"], name, np.asarray(values, np.int64))


def create_pixels(
    path: str | Path, *, size: int, image_id: Mapping[str, Iterable[str]], moments: tuple[float, float]
) -> None:
    """Lay out the images of another size; `image_id` maps a split to those of its images, `moments` are of train."""
    mean, std = moments
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=PIXELS_FORMAT, size=size, mean=mean, std=std)
        for split in SPLITS:
            group, names = file.create_group(split), np.asarray(image_id[split], str)
            allocate(group, "images", (len(names), size, size), "uint8")
            arrays.write_array(group, "image_id", names)


def create_no_pixels(path: str | Path) -> None:
    """Write the file of a network whose images are those of the prepared file."""
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=PIXELS_FORMAT, size=0)


def fill(path: str | Path, split: str, blocks: Iterable[np.ndarray]) -> None:
    """Write the images of one split of either file, (n, H, H) uint8 a block, in the order of its `image_id`."""
    arrays.fill(path, f"{split}/images", blocks)


def moments(blocks: Iterable[np.ndarray]) -> tuple[float, float]:
    """The mean and the standard deviation of images, (n, H, H) uint8 a block, as grey values in 0..1."""
    histogram = np.zeros(256, np.int64)
    for block in blocks:
        histogram += np.bincount(block.ravel(), minlength=256)
    grey = np.arange(256) / 255
    mean = float(np.average(grey, weights=histogram))
    return mean, max(1e-6, float(np.sqrt(np.average((grey - mean) ** 2, weights=histogram))))


def read(path: str | Path, split: str, pixels: str | Path | None = None) -> Split:
    """One split; its images are mapped. With the file `pixels` of a network, they have the size that it looks at.

    Raises BadInput if a file is of another format or damaged, or if `pixels` is of other images.
    """
    found = _read(path, split)
    return _resized(found, split, pixels) if pixels else found


def _read(path: str | Path, split: str) -> Split:
    expected = f"prepared data of format {FORMAT}, as the stage `prepare` writes them"
    with arrays.open_checked(path, version=FORMAT, expected=expected) as file:
        kinds = {"names": list, "study": str, "exclusive": int, "mean": float, "std": float}
        about = {name: read_attribute(file, "labels" if kind is list else name, kind) for name, kind in kinds.items()}
        size, count = read_attribute(file, "size", int), len(dataset(file, f"{split}/image_id", "S", (None,)))
        about["images"] = map_array(file, f"{split}/images", "uint8", (count, size, size))
        about["labels"] = read_array(file, f"{split}/labels", "float32", (count, len(about["names"])))
        about["age"] = read_array(file, f"{split}/age", "float32", (count,))
        about |= {column: read_array(file, f"{split}/{column}", "S", (count,)) for column in COLUMNS}
        stratum, wanted = np.zeros(count, np.int64), np.array([count])  # of dev and test: each row once
        if split == "train":
            stratum = read_array(file, "train/stratum", "int64", (count,))
            wanted = read_array(file, "train/wanted", "int64", (None,))
    found = Split(stratum=stratum, wanted=wanted, **about | {"exclusive": bool(about["exclusive"])})
    _check(path, found)
    return found


def _resized(found: Split, split: str, path: str | Path) -> Split:
    """`found` with the images of the file `path` and their moments, unless the file is of no images."""
    expected = f"pixels of format {PIXELS_FORMAT}, as the stage `prepare` writes them"
    with arrays.open_checked(path, version=PIXELS_FORMAT, expected=expected) as file:
        if not (size := read_attribute(file, "size", int)):
            return found
        mean, std = (read_attribute(file, name, float) for name in ("mean", "std"))
        image_id = read_array(file, f"{split}/image_id", "S", (None,))
        images = map_array(file, f"{split}/images", "uint8", (len(image_id), size, size))
    if not np.array_equal(image_id, found.image_id):
        raise BadInput(f"{path}: its {len(image_id)} images are not the {len(found.image_id)} of the {split} split")
    _check_moments(path, mean, std)
    return replace(found, images=images, mean=mean, std=std)


def _check(path: str | Path, split: Split) -> None:
    """Raise BadInput for values that no prepared file has."""
    labels, stratum, wanted = split.labels, split.stratum, split.wanted
    _check_moments(path, split.mean, split.std)
    _check_attributes(path, split)
    if not (np.isnan(labels) | np.isin(labels, (0, 1))).all():
        raise BadInput(f"{path}: found labels that are not 0, 1 or NaN, expected no others")
    if len(stratum) and not 0 <= stratum.min() <= stratum.max() < len(wanted):
        raise BadInput(f"{path}: found strata {stratum.min()} to {stratum.max()}, expected some of {len(wanted)}")
    there = np.bincount(stratum, minlength=len(wanted))
    for number in np.flatnonzero((wanted < 0) | ((wanted > 0) != (there > 0)))[:1]:
        found = f"found {wanted[number]} rows of stratum {number} wanted, which has {there[number]}"
        raise BadInput(f"{path}: {found}; expected some where there are some")


def _check_attributes(path: str | Path, split: Split) -> None:
    for name, words in {"sex": SEXES, "view": VIEWS}.items():
        for word in np.setdiff1d(getattr(split, name), ("", *words))[:1].tolist():
            raise BadInput(f"{path}: found {name} {word!r}, expected {' or '.join(words)} or none")
    wrong = ~np.isnan(split.age) & ~((split.age >= 0) & (split.age <= OLDEST))
    for age in split.age[wrong][:1].tolist():
        raise BadInput(f"{path}: found age {age}, expected 0 to {OLDEST} years or NaN")


def _check_moments(path: str | Path, mean: float, std: float) -> None:
    if not 0 <= mean <= 1 or not 0 < std <= 1:
        raise BadInput(f"{path}: found mean {mean}, std {std} of grey values, expected some in 0..1")
