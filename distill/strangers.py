"""Pictures that are no X-rays, to see whether the check of `familiar.py` tells them from films."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

COUNT = 200  # of each kind


def pictures(size: int, seed: int) -> dict[str, np.ndarray]:
    """By kind, uint8 (200, H, H): noise, coarse noise, one grey value all over, parts of two photographs."""
    rng = np.random.Generator(np.random.Philox(seed))
    coarse = rng.integers(0, 256, (COUNT, 8, 8), np.uint8)
    photographs = [Image.fromarray(photograph).convert("L") for photograph in load_sample_images().images]
    return {
        "noise": rng.integers(0, 256, (COUNT, size, size), np.uint8),
        "coarse_noise": np.stack([_resized(Image.fromarray(one), size) for one in coarse]),
        "blank": np.repeat(np.linspace(0, 255, COUNT).astype(np.uint8), size**2).reshape(COUNT, size, size),
        "photograph": np.stack([_part(photographs[n % len(photographs)], size, rng) for n in range(COUNT)]),
    }


def _part(photograph: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(100, min(photograph.size) + 1))
    left, top = (int(rng.integers(0, length - side + 1)) for length in photograph.size)
    return _resized(photograph.crop((left, top, left + side, top + side)), size)


def _resized(image: Image.Image, size: int) -> np.ndarray:
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
