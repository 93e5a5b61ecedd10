"""From a split on disk to batches on the device. A batch is a list of row numbers."""

from collections.abc import Mapping
from pathlib import Path

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
        views: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        """Map `split` of the prepared file. `views` holds `count` and the amounts of `views.apply`,
        `seed` is what views are drawn with; without `views` there is only view 0."""
        self.split, self.device = prepared.read(path, split), device
        self.recipe = {"seed": seed, **(views or {"count": 1})}

    def __len__(self) -> int:
        return len(self.split.labels)

    def images(self, rows: np.ndarray, view: int = 0) -> torch.Tensor:
        """View `view` of the rows (B,) -> (B, 1, H, H), mean 0 and standard deviation 1 over the train split."""
        pixels = torch.from_numpy(self.split.images[rows]).to(self.device)[:, None].float() / 255
        if view:
            amounts = {name: amount for name, amount in self.recipe.items() if name not in ("count", "seed")}
            keys = views.keys(self.split.image_id[rows])
            draws = torch.from_numpy(views.draws(keys, view=view, seed=self.recipe["seed"]))
            pixels = views.apply(pixels, draws.to(self.device), **amounts)
        return (pixels - self.split.mean) / self.split.std

    def labels(self, rows: np.ndarray) -> torch.Tensor:
        """The labels of the rows (B,) -> (B, K) of 1, 0 and NaN."""
        return torch.from_numpy(self.split.labels[rows]).to(self.device)
