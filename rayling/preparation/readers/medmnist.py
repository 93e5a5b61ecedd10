"""MedMNIST (Yang et al. 2023): all images of a set in one `.npz` archive, small and already split."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.preparation.readers import label_mapping

SPLITS = {"train": "train", "val": "dev", "test": "test"}
BLOCK = 256  # images in memory at a time
MAX_BYTES = 2**27  # bytes read at once, labels or a block; a block of 224 px in colour has 2**25.2
# numpy also raises these for a broken header, and zipfile for what it can't decode or decrypt.
BAD_HEADER = (SyntaxError, tokenize.TokenError, RuntimeError)

# In the order of the columns, as in MedMNIST's `INFO`.
CHEST = ["atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax"]
CHEST += ["consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"]
NAMES = {"chestmnist": CHEST, "pneumoniamnist": ["normal", "pneumonia"]}


def medmnist(root: str | Path, *, labels: list[str], classes: dict[str, str], file: str) -> pd.DataFrame:
    """Read the labels and the official splits of `root/file`: `chestmnist[_64|_128|_224].npz` or `pneumoniamnist…`.

    An image is named `<file>/<split>/<number>`. The set names no patients: each image counts as one. `classes` maps
    MedMNIST's names (`effusion`, `normal`) to labels; if it is empty, they are the labels. Raises `BadInput` for
    another file, a class that the set does not have, and arrays of another shape or type.
    """
    path, classes = Path(root) / file, label_mapping.checked_classes(classes, labels)
    names = NAMES.get(Path(file).stem.split("_")[0].lower())
    if names is None:
        raise BadInput(f"{path}: expected a file named {' or '.join(f'{name}[_size].npz' for name in NAMES)}")
    label_mapping.refuse_absent(classes, names, names, f"{path}: found no class")
    image, split, found = [], [], []
    for key, official in SPLITS.items():
        truth = _labels(path, key, names)
        image += [f"{file}/{key}/{number:06d}" for number in range(len(truth))]
        split += [official] * len(truth)
        found += [{names[column] for column in np.flatnonzero(row)} for row in truth]
    columns = label_mapping.columns(found, classes=classes, labels=labels)
    return label_mapping.table(image, patient=image, split=split, **columns)


def archived_images(root: str | Path, file: str, wanted: Collection[str]) -> Iterator[np.ndarray]:
    """Yield the `wanted` images of `root/file` in their order, uint8 (H, W) or (H, W, 3), from one block at a time.

    Raises `BadInput` for images of another shape or type, or if the file is cut short.
    """
    wanted = set(wanted)
    for key in SPLITS:
        with _member(Path(root) / file, f"{key}_images") as (stream, shape, dtype):
            if dtype != np.uint8 or len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
                raise BadInput(
                    f"{root}/{file}: {key}_images is {dtype} {shape}, expected uint8 (N, H, W) or (N, H, W, 3)"
                )
            for first in range(0, shape[0], BLOCK):
                numbers = range(first, min(first + BLOCK, shape[0]))
                pixels = _read(stream, (len(numbers), *shape[1:]), dtype)
                yield from (pixels[n - first] for n in numbers if f"{file}/{key}/{n:06d}" in wanted)


def _labels(path: Path, key: str, names: list[str]) -> np.ndarray:
    """Return the labels of one split, bool (N, K)."""
    with _member(path, f"{key}_labels") as (stream, shape, dtype):
        if dtype.kind not in "iub" or shape[1:] not in ((), (1,), (len(names),)):
            raise BadInput(f"{path}: {key}_labels is {dtype} {shape}, expected integers (N, 1) or (N, {len(names)})")
        values = _read(stream, shape, dtype).reshape(shape[0], -1)
    with _member(path, f"{key}_images") as (_, images, _):
        if images[:1] != shape[:1]:
            raise BadInput(f"{path}: {key} has {images[0]} images and {shape[0]} labels, expected as many")
    largest = len(names) - 1 if values.shape[1] == 1 else 1
    if values.size and not 0 <= values.min() <= values.max() <= largest:
        raise BadInput(f"{path}: {key}_labels has {values.min()} to {values.max()}, expected 0 to {largest}")
    return np.eye(len(names), dtype=bool)[values[:, 0]] if values.shape[1] == 1 else values.astype(bool)


@contextmanager
def _member(path: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype]]:
    """Yield one array of the archive as a stream at its first byte, with shape and type. Nothing is unpickled."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(stream)
            if fortran or dtype.hasobject or not shape or min(shape) < 0:
                raise BadInput(f"{path}: {name} is {dtype} {shape}, expected plain numbers, row by row")
            yield stream, shape, dtype
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; expected MedMNIST's archive") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, OSError, *BAD_HEADER) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: found {error}; expected MedMNIST's archive with {name}") from error


def _read(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > MAX_BYTES:
        raise ValueError(f"{wanted} bytes of {dtype} {shape}, more than any set has")
    content = stream.read(wanted)
    if len(content) < wanted:
        raise ValueError(f"{len(content)} of {wanted} bytes")
    return np.frombuffer(content, dtype).reshape(shape)
