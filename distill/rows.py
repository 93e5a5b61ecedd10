"""Rows of an array on disk, gathered by number: kept on the device where they fit there, else read as they are needed.

N rows, B in a batch.
"""

import math
import os
from pathlib import Path

import numpy as np
import torch

from distill.errors import BadInput


class Rows:
    """The rows of one mapped array (N, ...)."""

    def __init__(self, array: np.memmap, *, device: torch.device, room: int, copy: bool | None = None) -> None:
        """`room` is how many bytes may stay for the whole run. Where they fit they are copied to the device, as
        `copy` says: to a GPU, while for a CPU they stay as pages of the file."""
        fits, copy = array.nbytes <= room, device.type != "cpu" if copy is None else copy
        self.array, self.device = np.asarray(array), device
        self.bytes = array.nbytes if fits else 0  # that stay
        self.kept = torch.tensor(self.array, device=device) if fits and copy else None
        self.file = None if fits else Path(array.filename).open("rb", buffering=0)  # noqa: SIM115 - for the whole run
        self.start = getattr(array, "offset", 0)

    def gather(self, numbers: np.ndarray) -> torch.Tensor:
        """The rows (B,) on the host -> (B, ...), pinned where they go to a GPU; or, if they are there, their numbers.

        May run on other threads. Raises BadInput if the file ends before a row does.
        """
        if self.kept is not None:
            return torch.from_numpy(numbers)
        found = torch.from_numpy(self._taken(numbers) if self.file is None else self._read(numbers))
        return found.pin_memory() if self.device.type == "cuda" else found

    def deliver(self, gathered: torch.Tensor) -> torch.Tensor:
        """What `gather` gave, as rows on the device (B, ...)."""
        gathered = gathered.to(self.device, non_blocking=True)
        return gathered if self.kept is None else self.kept[gathered]

    def _taken(self, numbers: np.ndarray) -> np.ndarray:
        # As bytes, for HDF5 puts an array at any address, and numpy copies the whole of one that is not aligned to its
        # type before it takes a single row: 9 ms of a student's step of 37 in the default study (LOG.md).
        row = self.array.dtype.itemsize * math.prod(self.array.shape[1:])
        taken = self.array.view(np.uint8).reshape(len(self.array), row).take(numbers, 0)
        return taken.view(self.array.dtype).reshape(len(numbers), *self.array.shape[1:])

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        # Not through the map, where a row that is not in memory comes page by page, at an eighth of the rate (LOG.md),
        # and what was touched counts as memory of the process.
        found = np.empty((len(numbers), *self.array.shape[1:]), self.array.dtype)
        for row, number in zip(found, numbers.tolist(), strict=True):
            if os.preadv(self.file.fileno(), [row], self.start + number * row.nbytes) != row.nbytes:
                raise BadInput(f"{self.file.name}: ends before row {number}, expected {len(self.array)} of them")
        return found
