"""From a split on disk to batches on the device. A batch is a list of row numbers."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from distill import prepared, views


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

    def __len__(self) -> int:
        return len(self.split.labels)

    def images(self, rows: np.ndarray, view: int | np.ndarray = 0) -> torch.Tensor:
        """The rows (B,) in one view, or each in its own (B,) -> (B, 1, H, H), mean 0 and deviation 1 over train."""
        pixels = torch.from_numpy(self.split.images[rows]).to(self.device)[:, None].float() / 255
        if np.any(view):
            keys = views.keys(self.split.image_id[rows])
            draws = torch.from_numpy(views.draws(keys, view=view, seed=self.recipe["seed"]))
            pixels = views.apply(pixels, draws.to(self.device), **self.amounts)
        return (pixels - self.split.mean) / self.split.std

    def labels(self, rows: np.ndarray) -> torch.Tensor:
        """The labels of the rows (B,) -> (B, K) of 1, 0 and NaN."""
        return torch.from_numpy(self.split.labels[rows]).to(self.device)
