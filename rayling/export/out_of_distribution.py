"""The out-of-distribution check: does an image look like the train images? A photograph or a blank image does not.

It compares a thumbnail of 8 × 8 cells, brightness, contrast and roughness with one Gaussian fitted to the train images.
It knows nothing of findings. The second half of this file makes images that are no X-rays, to test it with.

N images of H × H pixels, F = 67 features.
"""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from sklearn.covariance import LedoitWolf
from sklearn.datasets import load_sample_images
from torch import nn

CELLS = 8  # height and width of the thumbnail
MAX_IMAGES = 5000  # images that are used, evenly spread: more would not move the Gaussian
BLOCK = 256  # images in memory at a time
REJECTED = 0.01  # share of dev images with a distance above 1
NON_XRAYS = 200  # of each kind


class OutOfDistribution(nn.Module):
    """The squared Mahalanobis distance to the train images, divided by its 99 % quantile on dev.

    Above 1 an image is out of distribution.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("cells", torch.from_numpy(pooling_matrix(size)).float())
        features = CELLS**2 + 3
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("whiten", torch.eye(features))
        self.register_buffer("limit", torch.ones(()))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Grey values (N, H, H) in 0..255 -> distances (N,)."""
        return ((self.features(pixels) - self.mean) @ self.whiten).square().sum(1) / self.limit

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, H, H) in 0..255 -> (N, F): the thumbnail in units of its contrast, brightness, contrast, roughness.

        Roughness is the logarithm of the variance of pixels within their cells.
        """
        thumbnail = (self.cells @ pixels @ self.cells.T).flatten(1) / 255
        mean = thumbnail.mean(1, keepdim=True)
        contrast = (thumbnail - mean).square().mean(1, keepdim=True).sqrt()
        within = pixels.square().mean((1, 2))[:, None] / 255**2 - thumbnail.square().mean(1, keepdim=True)
        roughness = (within.clamp(min=0) + 1e-6).log()
        return torch.cat([(thumbnail - mean) / (contrast + 0.02), mean, contrast, roughness], 1)

    @torch.no_grad()
    def fit(self, train: np.ndarray, dev: np.ndarray) -> "OutOfDistribution":
        """Fit the Gaussian to train and the limit to dev, both images (N, H, H) uint8, and return self.

        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
        """
        gaussian = LedoitWolf().fit(self._features_of(train))
        self.mean.copy_(torch.from_numpy(gaussian.location_))
        self.whiten.copy_(torch.from_numpy(np.linalg.cholesky(gaussian.precision_)))
        self.limit.fill_(float(np.quantile(gaussian.mahalanobis(self._features_of(dev)), 1 - REJECTED)))
        return self

    def _features_of(self, images: np.ndarray) -> np.ndarray:
        blocks = [self.features(torch.from_numpy(block).float()) for block in _blocks(images)]
        return torch.cat(blocks).double().numpy()


def pooling_matrix(size: int) -> np.ndarray:
    """The matrix (8, H) that averages each eighth of a line of H pixels; edges of cells may cut pixels."""
    edges, pixels = np.linspace(0, size, CELLS + 1), np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return covered.clip(0) * (CELLS / size)


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    """At most `MAX_IMAGES` images, evenly spread, in blocks."""
    rows = np.arange(0, len(images), max(1, -(-len(images) // MAX_IMAGES)))
    for first in range(0, len(rows), BLOCK):
        yield images[rows[first : first + BLOCK]]


def non_xrays(size: int, seed: int) -> dict[str, np.ndarray]:
    """Images that are no X-rays, by kind, uint8 (200, H, H).

    Noise of pixels and of 8 × 8 cells, images of a single grey value, and parts of two photographs.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    coarse = rng.integers(0, 256, (NON_XRAYS, 8, 8), np.uint8)
    photographs = [Image.fromarray(photograph).convert("L") for photograph in load_sample_images().images]
    return {
        "noise": rng.integers(0, 256, (NON_XRAYS, size, size), np.uint8),
        "coarse_noise": np.stack([_resized(Image.fromarray(one), size) for one in coarse]),
        "blank": np.repeat(np.linspace(0, 255, NON_XRAYS).astype(np.uint8), size**2).reshape(NON_XRAYS, size, size),
        "photograph": np.stack([_crop(photographs[n % len(photographs)], size, rng) for n in range(NON_XRAYS)]),
    }


def _crop(photograph: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(100, min(photograph.size) + 1))
    left, top = (int(rng.integers(0, length - side + 1)) for length in photograph.size)
    return _resized(photograph.crop((left, top, left + side, top + side)), size)


def _resized(image: Image.Image, size: int) -> np.ndarray:
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
