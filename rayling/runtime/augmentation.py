"""Deterministic augmentation: a view is a pure function of (seed, image id, view number).

A cached output of the teacher belongs to one view of one image, and a student that learns from it must see exactly the
same pixels. So nothing is drawn from a stateful generator: every number is a hash of seed, image id, view and index,
the same in any batch and on any device. View 0 is the image as it is. There is no left-right flip, because the heart
is on one side.

Shapes: B batch, H height and width in pixels.
"""

import hashlib
import math

import numpy as np
import torch
from torch.nn import functional as F

from rayling.runtime import hardware

DRAWS = 7  # rotate, shift x, shift y, scale, brightness, contrast, gamma
_STRIDE = 6  # of the counter; gamma came later, and its counters lie beyond all others
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def keys(image_ids: np.ndarray) -> np.ndarray:
    """A 64-bit key for every image id: (N,) str -> (N,) uint64, the same on every machine."""
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in image_ids.tolist())
    return np.frombuffer(digests, "<u8")


def draws(image_keys: np.ndarray, *, view: int | np.ndarray, seed: int) -> np.ndarray:
    """Uniform numbers in [-1, 1): keys (B,) uint64 -> (B, 7) float32. View 0 is all zeros.

    `view` is one number for all images or one for each, (B,). SplitMix64 (Steele, Lea, Flood 2014) serves as a
    counter-based generator: the counter is (view, index of the draw), the key is that of the image mixed with the seed.
    """
    start = _mix(image_keys ^ _mix(np.array([seed], np.uint64) + _GOLDEN))
    view = np.broadcast_to(np.asarray(view, np.uint64), len(image_keys))[:, None]  # (B, 1)
    counter = view * np.uint64(_STRIDE) + np.arange(_STRIDE, dtype=np.uint64)
    counter = np.concatenate([counter, view + np.uint64(2**63)], axis=1)
    bits = _mix(start[:, None] + counter * _GOLDEN)  # (B, 7)
    return np.where(view, (bits >> np.uint64(40)) * 2.0**-23 - 1, 0).astype(np.float32)


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def apply(
    images: torch.Tensor,
    draws: torch.Tensor,
    *,
    rotate: float,
    shift: float,
    scale: float,
    brightness: float,
    contrast: float,
    gamma: float = 0.0,
) -> torch.Tensor:
    """One view of every image: grey values (B, 1, H, H) in 0..1 and draws (B, 7) in [-1, 1] -> (B, 1, H, H).

    Each amount is the largest change, which a draw of -1 or 1 makes: `rotate` in degrees, `shift` as a share of the
    width, `scale` as a share of the size, `brightness` as a share of full white, `contrast` as a share by which values
    move away from mid-grey or towards it, `gamma` in the logarithm of the exponent of grey values. A row of zeros
    returns its image unchanged.
    """
    amounts = torch.tensor([math.radians(rotate), 2 * shift, 2 * shift, scale, 0, 0, 0])
    moved = _move(images, draws * hardware.to_device(amounts, draws.device))
    if gamma:
        moved = moved ** (draws[:, 6, None, None, None] * gamma).exp()
    light = draws[:, 4, None, None, None] * brightness
    stretch = 1 + draws[:, 5, None, None, None] * contrast
    changed = ((moved - 0.5) * stretch + 0.5 + light).clamp(0, 1)
    return torch.where((draws == 0).all(1)[:, None, None, None], images, changed)


def _move(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    angle, right, down, scale = amounts[:, :4].T
    cos, sin = angle.cos() * (1 + scale), angle.sin() * (1 + scale)
    affine = torch.stack([torch.stack([cos, -sin, right], 1), torch.stack([sin, cos, down], 1)], 1)  # (B, 2, 3)
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
