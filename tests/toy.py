"""Toy trainings that several tests share: two labels, 16 × 16 pixels, a few epochs."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from rayling.evaluation import auroc
from rayling.networks.feature_maps import Outputs, to_grid
from rayling.networks.student import Student
from rayling.runtime import inference
from rayling.runtime.loader import Batches
from rayling.training import loop
from rayling.training.epochs import Sampler
from rayling.training.hard_loss import hard_loss

HARD = hard_loss("bce")
CPU = torch.device("cpu")
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
SETTINGS = {"epochs": 4, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine", "title": "toy"}


def batches(path: Path) -> dict[str, Batches]:
    """The train and the dev split of the prepared file at `path`, with three views."""
    return {split: Batches(path, split, device=CPU, views=VIEWS, count=3, seed=5) for split in ("train", "dev")}


def student() -> Student:
    """A student for two labels, always with the same weights."""
    torch.manual_seed(0)
    return Student(outputs=2, grid=2, head=1)


class Linear(nn.Module):
    """A network that depends on every pixel and gives the same in training as in inference: it has no batch norm.

    It keeps the images (B, 1, 16, 16) of each training batch in `seen`.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.convolution, self.linear = nn.Conv2d(1, 4, 3), nn.Linear(4 * 14 * 14, 2)
        self.seen = []
        self.to(memory_format=torch.channels_last)  # as `weights.build` returns it

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, 16, 16) -> logits (B, 2) and three times the same feature map (B, 4, 2, 2)."""
        if self.training:
            self.seen.append(images)
        features = self.convolution(images)
        return Outputs(5 * self.linear(features.flatten(1)), [to_grid(features, 2)] * 3)


class Listed:
    """A sampler whose every epoch has these rows (M,)."""

    def __init__(self, rows: np.ndarray) -> None:
        self.listed, self.most = np.sort(rows), np.bincount(rows).max()

    def __len__(self) -> int:
        return len(self.listed)

    def rows(self, epoch: int) -> np.ndarray:
        """The rows, sorted."""
        return self.listed


def trained(
    data: dict[str, Batches], *, network=None, loss=HARD, rows=None, **changed
) -> tuple[nn.Module, pd.DataFrame]:
    """A network after `loop.fit`, and its history. `rows` (M,) are those of each epoch, by default all."""
    network, settings = network or student(), {"seed": 0} | SETTINGS | changed
    sampler = Sampler(data["train"].split, seed=0) if rows is None else Listed(rows)
    return network, loop.fit(network, **data, loss=loss, sampler=sampler, **settings)


def dev_auroc(network: nn.Module, data: dict[str, Batches]) -> float:
    """The macro AUROC of the network on dev."""
    return auroc.macro(data["dev"].split.labels, inference.logits(network, data["dev"]))


def images(count: int = 2, size: int = 64) -> torch.Tensor:
    """Images (B, 1, H, H) of random grey values."""
    return torch.randn(count, 1, size, size, generator=torch.Generator().manual_seed(1))


def run(network: nn.Module, images: torch.Tensor) -> Outputs:
    """The outputs of the network, without gradients."""
    with torch.inference_mode():
        return network(images)


def rms(level: torch.Tensor) -> torch.Tensor:
    """The root mean square (B,) of each feature map (B, C, g, g)."""
    return level.square().mean((1, 2, 3)).sqrt()
