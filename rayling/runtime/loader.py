"""Batches of a split on the device, by row number: images in any view, labels, and cached outputs of a teacher.

N rows, B of them in a batch, H height and width of an image, V views, K labels, C channels, g grid.
"""

import os
from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from rayling.common.errors import BadInput
from rayling.networks.feature_maps import Outputs
from rayling.runtime import augmentation, hardware
from rayling.storage import prepared


class Rows:
    """The rows of one mapped array (N, ...), which stay in memory if they fit there and are read from disk if not."""

    def __init__(self, array: np.memmap, *, device: torch.device, room: int, copy: bool | None = None) -> None:
        """`room` is how many bytes may stay in memory for the whole run. If the array fits, it is copied to the device
        (`copy`; by default to a GPU) or used through its memory map (by default on a CPU)."""
        in_memory = not isinstance(array, np.memmap)
        fits, copy = in_memory or array.nbytes <= room, device.type != "cpu" if copy is None else copy
        self.array, self.device = np.asarray(array), device
        self.bytes = array.nbytes if fits else 0  # of `room` that it takes
        self.kept = torch.tensor(self.array, device=device) if fits and copy else None
        self.file = None if fits else Path(array.filename).open("rb", buffering=0)  # noqa: SIM115 - for the whole run
        self.start = getattr(array, "offset", 0)

    def gather(self, numbers: np.ndarray) -> torch.Tensor:
        """Rows `numbers` (B,) on the host (B, ...), pinned for a GPU; or `numbers`, if the array is on the device.

        May run on other threads. Raises BadInput if the file ends before a row does.
        """
        if self.kept is not None:
            return torch.from_numpy(numbers)
        found = torch.from_numpy(self.array.take(numbers, 0) if self.file is None else self._read(numbers))
        return found.pin_memory() if self.device.type == "cuda" else found

    def deliver(self, gathered: torch.Tensor) -> torch.Tensor:
        """What `gather` returned, as rows on the device (B, ...)."""
        gathered = gathered.to(self.device, non_blocking=True)
        return gathered if self.kept is None else self.kept[gathered]

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        # Not through the map: there a row that is not in memory comes page by page, at an eighth of the rate
        # (docs/log/memory-and-scale.md), and each page that was read counts as memory of the process.
        found = np.empty((len(numbers), *self.array.shape[1:]), self.array.dtype)
        for row, number in zip(found, numbers.tolist(), strict=True):
            if os.preadv(self.file.fileno(), [row], self.start + number * row.nbytes) != row.nbytes:
                raise BadInput(f"{self.file.name}: ends before row {number}, expected {len(self.array)} of them")
        return found


class Batch(NamedTuple):
    """Images of some rows in some views, with what is known of them, on the device."""

    rows: np.ndarray  # (B,)
    view: np.ndarray  # (B,)
    images: torch.Tensor  # (B, 1, H, H), mean 0 and deviation 1 over train
    labels: torch.Tensor  # (B, K) of 1, 0 and NaN
    teacher: Outputs | None  # cached outputs: logits (B, K), feature maps (B, C, g, g)


class Batches:
    """One split as the networks see it: any view of any rows, normalised, on the device."""

    def __init__(
        self,
        path: str | Path,
        split: str,
        *,
        device: torch.device,
        views: Mapping[str, float] = MappingProxyType({}),
        seed: int = 0,
        count: int = 1,
        pixels: str | Path | None = None,
    ) -> None:
        """Map `split` of the prepared file, with the `pixels` of a network that takes another size (`prepared.read`).
        `views` are the amounts of `augmentation.apply`, `seed` is that of the views, `count` is how many views of an
        image a dump holds. Without `views` there is only view 0."""
        self.split, self.device = prepared.read(path, split, pixels), device
        self.amounts, self.recipe = dict(views), {"seed": seed, "count": count, **views}
        self.memory = hardware.memory_budget(device)
        self.pixels = self._rows(self.split.images)
        self.teacher, self.outputs_each = [], 0

    def __len__(self) -> int:
        return len(self.split.labels)

    def with_teacher(self, outputs: Sequence[np.ndarray]) -> "Batches":
        """The same batches with the cached outputs of a teacher beside each image.

        `outputs` are logits (N, V, K) and the feature maps (N, V, C, g, g) of each level; none for an empty dump. V is
        the number of cached views, or 1 for outputs that stand for every view of their image.
        """
        batches = copy(self)
        batches.outputs_each = outputs[0].shape[1] if len(outputs) else 0
        batches.teacher = [batches._rows(array.reshape(-1, *array.shape[2:])) for array in outputs]  # (N·V, ...)
        return batches

    def _rows(self, array: np.ndarray) -> Rows:
        rows = Rows(array, device=self.device, room=self.memory)
        self.memory -= rows.bytes
        return rows

    @cached_property
    def keys(self) -> np.ndarray:
        """A number (N,) for each image, from which `augmentation.draws` draws its views."""
        return augmentation.keys(self.split.image_id)

    def gather(self, shown: tuple[np.ndarray, np.ndarray]) -> tuple:
        """What the batch of these rows (B,) in these views (B,) needs, on the host: work for another thread."""
        rows, view = shown
        places = rows * self.outputs_each + (view if self.outputs_each > 1 else 0)
        teacher = [array.gather(places) for array in self.teacher]
        return rows, view, self.split.labels[rows], self.pixels.gather(rows), teacher

    def deliver(self, gathered: tuple) -> Batch:
        """What `gather` returned, as a batch on the device."""
        rows, view, labels, pixels, teacher = gathered
        images = self.pixels.deliver(pixels)[:, None].float() / 255
        if view.any():
            draws = torch.from_numpy(augmentation.draws(self.keys[rows], view=view, seed=self.recipe["seed"]))
            images = augmentation.apply(images, hardware.to_device(draws, self.device), **self.amounts)
        images = (images - self.split.mean) / self.split.std
        labels = hardware.to_device(torch.from_numpy(labels), self.device)
        cached = [array.deliver(part).float() for array, part in zip(self.teacher, teacher, strict=True)]
        return Batch(rows, view, images, labels, Outputs(cached[0], cached[1:]) if cached else None)

    def batch(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Batch:
        """The rows (B,) in one view, or each in its own (B,)."""
        return self.deliver(self.gather((rows, np.broadcast_to(view, rows.shape))))
