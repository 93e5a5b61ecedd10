"""`Rows`: the listed rows of an array, wherever it is kept."""

import os
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.runtime.loader import Rows
from rayling.storage import arrays

CPU, SMAPS = torch.device("cpu"), Path("/proc/self/smaps")


@pytest.fixture
def array(tmp_path):
    """A mapped array of 10 MB."""
    values = np.random.default_rng(0).integers(0, 256, (10_000, 1_000), np.uint8)
    (tmp_path / "rows").write_bytes(b"head" + values.tobytes())
    return np.memmap(tmp_path / "rows", np.uint8, "r", 4, values.shape)


@pytest.mark.parametrize(("room", "copy"), [(0, False), (2**40, False), (0, True), (2**40, True)])
def test_the_listed_rows_come_in_their_order_wherever_they_are_kept(array, room, copy):
    rows, numbers = Rows(array, device=CPU, room=room, copy=copy), np.array([7, 9_999, 7, 0])
    assert (rows.kept is not None) == (copy and room > 0)
    assert rows.bytes == (array.nbytes if room else 0)
    found = rows.deliver(rows.gather(numbers))
    assert isinstance(found, torch.Tensor) and np.array_equal(found.numpy(), array[numbers])


@pytest.mark.skipif(not SMAPS.exists(), reason="no /proc here to look into")
def test_without_room_no_page_of_the_file_stays_in_memory(array):
    def resident():
        lines = iter(SMAPS.read_text().splitlines())
        next(line for line in lines if line.endswith("/rows"))
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

    everything = np.arange(10_000)
    Rows(array, device=CPU, room=0).gather(everything)
    assert resident() == 0
    Rows(array, device=CPU, room=2**40).gather(everything)
    assert resident() >= 9_700  # kB


def test_a_row_may_have_several_dimensions(array):
    views = array.reshape(-1, 2, 500)
    rows = Rows(views, device=CPU, room=0)
    assert np.array_equal(rows.gather(np.array([3, 1])).numpy(), views[[3, 1]])


def test_a_truncated_file_is_named(array, tmp_path):
    rows = Rows(array, device=CPU, room=0)
    os.truncate(tmp_path / "rows", 5_000_000)
    assert len(rows.gather(np.array([0, 4_000]))) == 2
    with pytest.raises(BadInput, match="rows: ends before row 9999, expected 10000"):
        rows.gather(np.array([0, 9_999]))


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_a_batch_takes_the_memory_of_its_own_rows(tmp_path, length):
    values, path = np.random.default_rng(0).normal(size=(10_000, 8, 16)).astype(np.float32), tmp_path / "file.h5"
    with arrays.create(path) as file:
        arrays.write_attributes(file, text="x" * length)
        arrays.write_array(file, "ids", np.array(["x" * length]))
        arrays.allocate(file, "values", values.shape, "float32")
    with arrays.Writer(path, ["values"]) as writer:
        writer.put("values", 0, values)
    with h5py.File(path) as file:
        rows = Rows(arrays.map_array(file, "values", "float32", values.shape), device=CPU, room=2**40)
    numbers = np.array([7, 9_999, 7, 0])
    tracemalloc.start()
    found = rows.gather(numbers)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found.numpy(), values[numbers])
    assert peak < 10 * values[numbers].nbytes  # numpy's take copies all of an array that is not aligned to its type
