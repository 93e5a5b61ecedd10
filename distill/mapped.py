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

from distill.atomic import naming


def allocate(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    """A contiguous data set whose place in the file is fixed now and whose bytes are not yet written."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)  # else there is no offset to map yet
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # else the file is written twice and is not sparse
    return group.create_dataset(name, shape, dtype, dcpl=layout, track_times=False)


def mapped(dataset: h5py.Dataset, mode: str = "r") -> np.ndarray:
    """A data set that `allocate` laid out as a memory map, for as long as one likes: mode `r` to read, `r+` to change.

    Raises ValueError if it does not lie in the file in one piece.
    """
    if 0 in dataset.shape:
        return np.zeros(dataset.shape, dataset.dtype)  # nothing to map
    offset = dataset.id.get_offset()
    if offset is None or offset + dataset.nbytes > Path(dataset.file.filename).stat().st_size:
        raise ValueError(f"{dataset.name} is not in one piece in its file")
    return np.memmap(dataset.file.filename, dataset.dtype, mode, offset, dataset.shape)


class Writer:
    """Writes rows of data sets that `allocate` laid out; several processes may write rows of their own.

    Not through a map: there a full disk ends the process without a word, and what was written counts as its memory.
    """

    def __init__(self, path: str | Path, names: Iterable[str]) -> None:
        with h5py.File(path, "r") as file:
            self.places = {
                name: (file[name].id.get_offset() or 0, file[name].dtype, file[name].shape) for name in names
            }
        self.path, self.file = path, os.open(path, os.O_RDWR)

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
        with naming(self.path):
            while written < len(data):
                part = data[written : written + 2**30]  # macOS takes no 2 GB at once
                written += os.pwrite(self.file, part, place + written)

    def sync(self) -> None:
        """Return when the disk has all of it."""
        with naming(self.path):
            os.fsync(self.file)
