"""Does an image look like those that a network was trained on? A photograph, noise or a blank film does not.

The check knows nothing of findings: it compares what is left of an image at 8 × 8, its brightness, contrast and
roughness with one Gaussian over the train images. N images of H × H pixels, F = 67 features.
"""

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import nn

CELLS = 8  # a side of the thumbnail
MOST = 5000  # images that are looked at, evenly spread: more would move the Gaussian no further
BLOCK = 256  # images in memory at a time
RARE = 0.01  # share of dev images that are called unfamiliar


class Familiar(nn.Module):
    """Squared Mahalanobis distance to the train images, as a share of the largest that is still familiar."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("cells", torch.from_numpy(cells_of(size)).float())
        features = CELLS**2 + 3
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("whiten", torch.eye(features))
        self.register_buffer("limit", torch.ones(()))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Grey values (N, H, H) in 0..255 -> (N,): above 1 an image is unfamiliar."""
        return ((self.features(pixels) - self.mean) @ self.whiten).square().sum(1) / self.limit

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, H, H) in 0..255 -> (N, F): the thumbnail in units of its own contrast, brightness, contrast, roughness.

        Roughness is the logarithm of the deviation of pixels from their cells.
        """
        thumbnail = (self.cells @ pixels @ self.cells.T).flatten(1) / 255
        mean = thumbnail.mean(1, keepdim=True)
        contrast = (thumbnail - mean).square().mean(1, keepdim=True).sqrt()
        within = pixels.square().mean((1, 2))[:, None] / 255**2 - thumbnail.square().mean(1, keepdim=True)
        roughness = (within.clamp(min=0) + 1e-6).log()
        return torch.cat([(thumbnail - mean) / (contrast + 0.02), mean, contrast, roughness], 1)

    @torch.no_grad()
    def fit(self, train: np.ndarray, dev: np.ndarray) -> "Familiar":
        """Learn from images (N, H, H) uint8: the Gaussian from train, from dev what is rare.

        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
        """
        gaussian = LedoitWolf().fit(self._all(train))
        self.mean.copy_(torch.from_numpy(gaussian.location_))
        self.whiten.copy_(torch.from_numpy(np.linalg.cholesky(gaussian.precision_)))
        self.limit.fill_(float(np.quantile(gaussian.mahalanobis(self._all(dev)), 1 - RARE)))
        return self

    def _all(self, images: np.ndarray) -> np.ndarray:
        blocks = [self.features(torch.from_numpy(block).float()) for block in _spread(images)]
        return torch.cat(blocks).double().numpy()


def cells_of(size: int) -> np.ndarray:
    """(8, H): the mean over each eighth of a line of H pixels, whose edges may cut pixels."""
    edges, pixels = np.linspace(0, size, CELLS + 1), np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return covered.clip(0) * (CELLS / size)


def _spread(images: np.ndarray) -> Iterator[np.ndarray]:
    rows = np.arange(0, len(images), max(1, -(-len(images) // MOST)))
    for first in range(0, len(rows), BLOCK):
        yield images[rows[first : first + BLOCK]]
