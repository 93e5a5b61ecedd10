"""From a split on disk to batches on the device. A batch is a list of row numbers."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from distill import prepared, runtime, views
from distill.rows import Rows


class Batch(NamedTuple):
    """Rows (B,) in views (B,): what is shown, what is known of it and what a network said of it, on the device."""

    rows: np.ndarray
    view: np.ndarray
    images: torch.Tensor  # (B, 1, H, H), mean 0 and deviation 1 over train
    labels: torch.Tensor  # (B, K) of 1, 0 and NaN
    said: tuple[torch.Tensor, list[torch.Tensor]] | None  # logits (B, K), feature maps (B, C, g, g) of three levels


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
    ) -> None:
        """Map `split` of the prepared file. `views` are the amounts of `views.apply`, `seed` is what views are
        drawn with, `count` how many a dump holds of an image; without `views` there is only view 0."""
        self.split, self.device = prepared.read(path, split), device
        self.amounts, self.recipe = dict(views), {"seed": seed, "count": count, **views}
        self.room = runtime.room(device)
        self.pixels = self._kept(self.split.images)
        self.said = []

    def __len__(self) -> int:
        return len(self.split.labels)

    def taught_by(self, said: Sequence[np.ndarray]) -> "Batches":
        """The same, and with each image what a network said of it: logits (N, V, K), feature maps (N, V, C, g, g)."""
        taught = copy(self)
        taught.said = [taught._kept(array.reshape(-1, *array.shape[2:])) for array in said]  # (N·V, ...)
        return taught

    def _kept(self, array: np.ndarray) -> Rows:
        rows = Rows(array, device=self.device, room=self.room)
        self.room -= rows.bytes
        return rows

    @cached_property
    def keys(self) -> np.ndarray:
        """Of every image (N,), as `views.draws` wants them."""
        return views.keys(self.split.image_id)

    def gather(self, shown: tuple[np.ndarray, np.ndarray]) -> tuple:
        """What the batch of these rows (B,) in these views (B,) is made of, on the host: work for another thread."""
        rows, view = shown
        places = rows * self.recipe["count"] + view
        said = [kept.gather(places) for kept in self.said]
        return rows, view, self.split.labels[rows], self.pixels.gather(rows), said

    def deliver(self, gathered: tuple) -> Batch:
        """What was gathered as a batch on the device."""
        rows, view, labels, pixels, said = gathered
        images = self.pixels.deliver(pixels)[:, None].float() / 255
        if view.any():
            draws = torch.from_numpy(views.draws(self.keys[rows], view=view, seed=self.recipe["seed"]))
            images = views.apply(images, runtime.sent(draws, self.device), **self.amounts)
        images = (images - self.split.mean) / self.split.std
        labels = runtime.sent(torch.from_numpy(labels), self.device)
        said = [kept.deliver(part).float() for kept, part in zip(self.said, said, strict=True)]
        return Batch(rows, view, images, labels, (said[0], said[1:]) if said else None)

    def batch(self, rows: np.ndarray, view: int | np.ndarray = 0) -> Batch:
        """The rows (B,) in one view, or each in its own (B,)."""
        return self.deliver(self.gather((rows, np.broadcast_to(view, rows.shape))))
