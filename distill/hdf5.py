"""Our two HDF5 formats: written so that a wrong byte in what is small is seen, read so that nothing is believed.

What describes the data (names, shapes, places) has checksums since version 1.10 of the file format, small arrays have
those of a filter. Large arrays, which are mapped, have none of their own: DVC knows the MD5 of the whole file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from distill.errors import BadInput
from distill.holes import Holes

VERSION = ("v110", "v110")  # least and greatest: else structures without a checksum would be chosen
UNREADABLE = (
    OSError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
)  # what h5py raises of a broken file


@contextmanager
def new(path: str | Path) -> Iterator[h5py.File]:
    """A new file in place of what is there, on the disk when the block ends. Raises OSError if the disk is full.

    HDF5 does not write it: where the disk is full its library ends the process by a segmentation fault.
    """
    holes = Holes()
    with h5py.File(holes, "w", libver=VERSION) as file:
        yield file
    holes.save(path)


def note(file: h5py.File, **facts: str | list[str] | int | float) -> None:
    """Write facts into the header of the file."""
    for name, fact in facts.items():
        # text of fixed width, as the heap for any other has no checksum
        file.attrs[name] = fact if isinstance(fact, int | float) else np.char.encode(np.array(fact, str), "utf-8")


def fact(file: h5py.File, name: str) -> str | list[str] | int | float:
    """What `note` wrote. Raises ValueError or KeyError if there is no such thing."""
    value = np.asarray(file.attrs[name])
    if value.dtype.kind == "S":
        return np.char.decode(value, "utf-8").tolist()
    if value.dtype.kind not in "if" or value.ndim:
        raise ValueError(f"{name} is {value.dtype} {value.shape}, expected text or one number")
    return value.item()


def store(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Write a small array whole; text becomes UTF-8 of fixed width."""
    if values.dtype.kind in "UO":
        values = np.char.encode(values.astype(str), "utf-8")
    summed = {"chunks": values.shape, "fletcher32": True} if values.size else {}
    group.create_dataset(name, data=values, track_times=False, **summed)


def load(group: h5py.Group, name: str, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """The whole of a small array, text (`dtype` "S") decoded. Raises as `dataset`, OSError for a wrong checksum."""
    values = dataset(group, name, dtype, shape)[...]
    return np.char.decode(values, "utf-8") if dtype == "S" else values


def dataset(group: h5py.Group, name: str, dtype: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    """A data set that lies in this very file, of this type and shape (None: any length), not read yet.

    Raises ValueError if it does not, is of another type or shape, or larger than the file: nothing may be allocated
    by the word of a file that has not the bytes.
    """
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing or a link")
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise ValueError(f"{name} is no data set of this file")
    fits = len(found.shape or ()) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, found.shape, strict=True)
    )
    if not fits or not (found.dtype.kind == "S" if dtype == "S" else found.dtype == np.dtype(dtype)):
        raise ValueError(f"{name} is {found.dtype} {found.shape}, expected {dtype} {shape}")
    if found.compression or found.scaleoffset is not None or found.chunks not in (None, found.shape):
        raise ValueError(f"{name} is compressed or in pieces of {found.chunks}, expected it as it is")
    if found.nbytes > Path(group.file.filename).stat().st_size:
        raise ValueError(f"{name} {found.shape} is larger than its file")
    return found


@contextmanager
def opened(path: str | Path, *, what: str, version: int, expected: str) -> Iterator[h5py.File]:
    """The file at `path`, to read in it. Whatever is wrong with it becomes BadInput, in one line.

    `what` is its kind, `version` that of the format; `expected` ends the line.
    """
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("format")
            if found != version:
                raise BadInput(f"{path}: format {found}, expected {what} of format {version}")
            yield file
    except UNREADABLE as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path}: no {what}: {' '.join(str(error).split())}; expected {expected}") from None
