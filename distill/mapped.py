"""HDF5 data sets as plain memory: any viewer opens the file, any process reads or fills its own rows.

h5py lays the file out once, at full size, contiguous and uncompressed; `numpy.memmap` reads it, plain writes
fill it. So there is no chunk cache to thrash, no handle to lose in a fork, and untouched rows take no disk.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np


def allocate(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """A contiguous data set whose place in the file is fixed now and whose bytes are not yet written."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # else there is no offset to map yet
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # else the file is written twice and is not sparse
    return group.create_dataset(name, shape, dtype, dcpl=layout, track_times=False)


def store(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """A small array, written whole; text becomes UTF-8 of fixed width."""
    if values.dtype.kind in "UO":
        values = np.char.encode(values.astype(str), "utf-8")
    dataset = allocate(group, name, values.shape, values.dtype)
    if values.size:
        dataset[...] = values


def load(group: h5py.Group, name: str) -> np.ndarray:
    """The whole of a small array, text decoded."""
    values = group[name][...]
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def mapped(path: str | Path, name: str, mode: str = "r") -> np.ndarray:
    """The data set `name` as a memory map: mode `r` to read, `r+` to change."""
    offset, dtype, shape = _place(path, name)
    if 0 in shape:
        return np.zeros(shape, dtype)  # nothing to map
    return np.memmap(path, dtype, mode, offset, shape)


class Writer:
    """Writes rows of data sets that `allocate` laid out; several processes may write rows of their own.

    Not through a map: there a full disk ends the process without a word, and what was written counts as its memory.
    """

    def __init__(self, path: str | Path, names: Iterable[str]) -> None:
        self.places = {name: _place(path, name) for name in names}
        self.file = os.open(path, os.O_RDWR)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_) -> None:
        os.close(self.file)

    def put(self, name: str, first: int, values: np.ndarray) -> None:
        """Write rows `first` and following, (B, ...), of the data set `name`. Raises OSError if the disk is full."""
        offset, dtype, shape = self.places[name]
        if values.shape[1:] != shape[1:] or first + len(values) > shape[0]:
            raise ValueError(f"{name}: rows {values.shape} at {first}, expected some of {shape}")
        data = np.ascontiguousarray(values, dtype).reshape(-1).view(np.uint8).data
        place, written = offset + first * math.prod(shape[1:]) * dtype.itemsize, 0
        while written < len(data):  # at most 2 GB at a time
            written += os.pwrite(self.file, data[written:], place + written)

    def sync(self) -> None:
        """Return when the disk has all of it."""
        os.fsync(self.file)


def _place(path: str | Path, name: str) -> tuple[int, np.dtype, tuple[int, ...]]:
    with h5py.File(path, "r") as file:
        dataset = file[name]
        return dataset.id.get_offset() or 0, dataset.dtype, dataset.shape
