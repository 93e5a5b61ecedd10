"""Arrays in HDF5 files: large ones that are mapped into memory, small ones and attributes that carry checksums.

h5py lays a file out once, at full size. A large array is contiguous, aligned and uncompressed: `numpy.memmap` reads it
and plain writes fill it. So there is no chunk cache to thrash and no handle to lose in a fork, and rows that were
not written take no space on disk. It has no checksum of its own: DVC knows the MD5 of the whole file. Names, shapes and
offsets have checksums since version 1.10 of the file format, small arrays have that of the Fletcher filter.
"""

import io
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from rayling.common.atomic import name_in_errors
from rayling.common.errors import BadInput

VERSION = ("v110", "v110")  # oldest and newest: otherwise HDF5 chooses structures that have no checksum
ALIGNMENT = 64  # bytes: numpy copies the whole of a misaligned array before it takes rows (docs/log/training-speed.md)


class OutputFile(io.FileIO):
    """A file for h5py to write to, which reports each write as done and keeps the last error.

    On a full disk HDF5's own driver ends the process by a segmentation fault, and h5py's loses what a file raises.
    """

    error: BaseException | None = None  # Ctrl-C included

    def write(self, content: bytes) -> int:
        """Write all of `content`. Returns its length."""
        try:
            _write_all(super().write, memoryview(content))
        except BaseException as error:
            self.error = error
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Set the size in bytes."""
        try:
            return super().truncate(size)
        except BaseException as error:
            self.error = error


def _write_all(write: Callable[[memoryview], int], rest: memoryview) -> None:
    while rest:
        rest = rest[write(rest) :]  # a disk that is almost full takes a part of it


@contextmanager
def create(path: str | Path) -> Iterator[h5py.File]:
    """A new HDF5 file at `path`, which the caller takes from `atomic`. Raises OSError if the disk is full."""
    with name_in_errors(path), OutputFile(path, "w+") as output:
        try:
            with h5py.File(output, "w", libver=VERSION, alignment_threshold=1, alignment_interval=ALIGNMENT) as file:
                yield file
        finally:
            if output.error:
                raise output.error


def write_attributes(file: h5py.File, **attributes: str | list[str] | int | float) -> None:
    """Write attributes of the file; text has a fixed width, as the heap for any other has no checksum."""
    for name, value in attributes.items():
        file.attrs[name] = value if isinstance(value, int | float) else np.char.encode(np.array(value, str), "utf-8")


def write_array(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Write a small array with a checksum; text becomes UTF-8 of fixed width."""
    if values.dtype.kind in "UO":
        values = np.char.encode(values.astype(str), "utf-8")
    checksum = {"chunks": values.shape, "fletcher32": True} if values.size else {}
    group.create_dataset(name, data=values, track_times=False, **checksum)


def allocate(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """A contiguous dataset whose place in the file is fixed now and whose bytes are not yet written."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # else there is no offset to map yet
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # else the file is written twice and is not sparse
    return group.create_dataset(name, shape, dtype, dcpl=layout, track_times=False)


class Writer(io.FileIO):
    """Writes rows of datasets that `allocate` laid out; several processes may write rows of their own.

    Not through a memory map: there a full disk ends the process, and what was written counts as memory of the process.
    """

    def __init__(self, path: str | Path, names: Iterable[str]) -> None:
        with h5py.File(path, "r") as file:
            found = {name: file[name] for name in names}
            self.places = {name: (one.id.get_offset() or 0, one.dtype, one.shape) for name, one in found.items()}
        super().__init__(path, "r+")

    def put(self, name: str, first: int, values: np.ndarray) -> None:
        """Write rows `first` and following, (B, ...), of the dataset `name`. Raises OSError if the disk is full."""
        offset, dtype, shape = self.places[name]
        if values.shape[1:] != shape[1:] or first + len(values) > shape[0]:
            raise ValueError(f"{name}: rows {values.shape} at {first}, expected some of {shape}")
        with name_in_errors(self.name):
            self.seek(offset + first * math.prod(shape[1:]) * dtype.itemsize)
            _write_all(self.write, np.ascontiguousarray(values, dtype).reshape(-1).view(np.uint8).data)

    def sync(self) -> None:
        """Return when the disk has all of it."""
        with name_in_errors(self.name):
            os.fsync(self.fileno())


def fill(path: str | Path, name: str, blocks: Iterable[np.ndarray]) -> None:
    """Write the `blocks`, (n, ...) each, one after another as the rows of the dataset `name`."""
    first = 0
    with Writer(path, [name]) as writer:
        for block in blocks:
            writer.put(name, first, block)
            first += len(block)


@contextmanager
def open_checked(path: str | Path, *, version: int, expected: str) -> Iterator[h5py.File]:
    """The HDF5 file at `path`, to read. Raises BadInput if there is none, or if its `format` is not `version`."""
    with _as_bad_input(path, expected):
        file = h5py.File(path, "r")
    with file:
        if (found := read_attribute(file, "format", int)) != version:
            raise BadInput(f"{path}: found format {found}, expected {expected}")
        yield file


def read_attribute(file: h5py.File, name: str, kind: type) -> str | list[str] | int | float:
    """What `write_attributes` wrote, a str, list, int or float (`kind`). Raises BadInput if there is none."""
    dtypes, dimensions = {str: ("S", 0), list: ("S", 1), int: ("i", 0), float: ("if", 0)}[kind]
    with _as_bad_input(f"{file.filename}: attribute {name}", kind.__name__):
        value = np.asarray(file.attrs[name])
        if value.dtype.kind not in dtypes or value.ndim != dimensions:
            raise ValueError(f"found {value.dtype} {value.shape}")
        return kind((np.char.decode(value, "utf-8") if dtypes == "S" else value).tolist())


def read_array(file: h5py.File, name: str, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A small array, text (`dtype` "S") decoded. Raises BadInput as `dataset`, and for a wrong checksum."""
    found = dataset(file, name, dtype, shape)
    with _as_bad_input(f"{file.filename}: {name}", f"{dtype} {shape}"):
        return np.char.decode(found[...], "utf-8") if dtype == "S" else found[...]


def map_array(file: h5py.File, name: str, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A large array as a read-only memory map, which outlives `file`. Raises BadInput as `dataset`."""
    found = dataset(file, name, dtype, shape)
    if 0 in found.shape:
        return np.zeros(found.shape, found.dtype)  # nothing to map
    offset = found.id.get_offset()
    if offset is None or offset + found.nbytes > Path(file.filename).stat().st_size:
        raise BadInput(f"{file.filename}: {name} is at offset {offset}, expected it in one piece within the file")
    return np.memmap(file.filename, found.dtype, "r", offset, found.shape)


def dataset(file: h5py.File, name: str, dtype: str, shape: tuple[int | None, ...]) -> h5py.Dataset:
    """A dataset of this type ("S": bytes of any width) and shape (None: any length), not read yet. Raises BadInput if
    there is none, or if it is compressed, in chunks, in another file or larger than this one."""
    where = f"{file.filename}: {name}"
    with _as_bad_input(where, f"{dtype} {shape}"):
        found = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
        if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
            raise ValueError("found no dataset in this file")
        kind, sides, chunks = found.dtype, found.shape or (), found.chunks
        plain = not found.compression and found.scaleoffset is None and chunks in (None, sides)
    fits = len(sides) == len(shape) and all(want in (None, have) for want, have in zip(shape, sides, strict=True))
    if not fits or not (kind.kind == "S" if dtype == "S" else kind == np.dtype(dtype)):
        raise BadInput(f"{where}: found {kind} {sides}, expected {dtype} {shape}")
    if not plain or math.prod(sides) * kind.itemsize > Path(file.filename).stat().st_size:
        raise BadInput(f"{where}: found {sides} in chunks of {chunks}, expected one uncompressed piece of the file")
    return found


@contextmanager
def _as_bad_input(where: str | Path, expected: str) -> Iterator[None]:
    """Raise BadInput for a ValueError or an error of h5py in the block, which does little but call h5py."""
    try:
        yield
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadInput(f"{where}: {error}; expected {expected}") from None
