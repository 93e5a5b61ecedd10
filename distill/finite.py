"""Training stops where a loss is no longer a number, and tells which images it was computed on."""

import math

import numpy as np
import torch

from distill.errors import BadInput

LATE = {"cpu": 0, "cuda": 16}  # steps that a GPU may be ahead: to ask at once would make it wait


class Finite:
    """Looks at the scalars of every step: `look(...)`, and in the end `settle()`."""

    def __init__(self, image_id: np.ndarray, *, title: str, device: torch.device) -> None:
        """`image_id` (N,) are the names of the images."""
        self.image_id, self.title, self.late, self.waiting = image_id, title, LATE[device.type], []

    def look(self, *, epoch: int, batch: int, rows: np.ndarray, parts: dict[str, torch.Tensor]) -> None:
        """Raise BadInput if a term of the loss (`parts`, scalars by name) of an earlier step is NaN or infinite.

        `rows` (B,) are the row numbers of the batch.
        """
        self.waiting.append((epoch, batch, rows, parts))
        if len(self.waiting) > self.late:
            self.settle()

    def settle(self) -> None:
        """The same for all steps that were not asked for yet."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        values = torch.stack([part for *_, parts in waiting for part in parts.values()]).tolist()  # waits once for all
        for epoch, batch, rows, parts in waiting:
            found = dict(zip(parts, values, strict=False))
            del values[: len(parts)]
            wrong = [f"{name} {value}" for name, value in found.items() if not math.isfinite(value)]
            if wrong:
                where = f"{self.title}: epoch {epoch}, batch {batch}: found a loss of {', '.join(wrong)}"
                images = ", ".join(self.image_id[rows].tolist())
                raise BadInput(f"{where}, expected numbers: lower lr? The batch's images: {images}")
