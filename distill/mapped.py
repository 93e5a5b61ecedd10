"""HDF5 data sets as plain memory: any viewer opens the file, any process reads or fills its own rows.

h5py lays the file out once, at full size, contiguous and uncompressed; `numpy.memmap` does the rest,
so there is no chunk cache to thrash, no handle to lose in a fork, and untouched rows take no disk.
"""

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
    """The data set `name` as a memory map: mode `r` to read, `r+` to fill."""
    with h5py.File(path, "r") as file:
        dataset = file[name]
        shape, dtype, offset = dataset.shape, dataset.dtype, dataset.id.get_offset()
    if 0 in shape:
        return np.zeros(shape, dtype)  # nothing to map
    return np.memmap(path, dtype, mode, offset, shape)
