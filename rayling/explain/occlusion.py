"""Occlusion maps: by how much an answer falls where a part of the image is hidden from the network.

Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. The method needs nothing
but a network's answers, so a teacher of any kind and a student are explained in the same way.
H pixels a side, K labels, B images.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

GRID = 12  # positions of the window each way
WINDOWS_PER_SIDE = 6  # the window's side is a sixth of the image's
MIN_PROBABILITY = 1e-6  # probabilities are clipped, so log-odds stay finite

LEGEND = "Orange: hiding this part lowers the log-odds, at full colour by the number above."
ORANGE = np.array([255, 80, 0])  # the colour of the largest value
MAX_OPACITY = 0.65


def maps(predict: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, *, fill: int) -> np.ndarray:
    """The fall of each label's log-odds, averaged over the windows that cover a pixel: float (K, H, H).

    `predict` takes uint8 (B, H, H) and returns probabilities (B, K). `pixels` is one image, uint8 (H, H). A hidden
    window has the grey value `fill`.
    """
    corners, side = window_corners(len(pixels)), window_side(len(pixels))
    visible = _log_odds(predict(pixels[None]))[0]
    total, covered = np.zeros((len(visible), *pixels.shape)), np.zeros(pixels.shape)
    for top in corners:
        occluded = np.repeat(pixels[None], len(corners), 0)
        for image, left in zip(occluded, corners, strict=True):
            image[top : top + side, left : left + side] = fill
        for left, fall in zip(corners, visible - _log_odds(predict(occluded)), strict=True):
            total[:, top : top + side, left : left + side] += fall[:, None, None]
            covered[top : top + side, left : left + side] += 1
    return total / np.maximum(covered, 1)


def window_corners(size: int) -> list[int]:
    """The first pixel of the window at each of its positions along a side of `size` pixels."""
    return [_round_half_up(step * (size - window_side(size)) / (GRID - 1)) for step in range(GRID)]


def window_side(size: int) -> int:
    """The side of the window in an image of `size` pixels a side."""
    return max(1, _round_half_up(size / WINDOWS_PER_SIDE))


def _round_half_up(number: float) -> int:
    """Round as JavaScript does, so that the page in `web/` hides the same windows."""
    return int(number + 0.5)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    probabilities = probabilities.astype(float).clip(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.log(probabilities / (1 - probabilities))


def overlay(image: Image.Image, label_map: np.ndarray) -> Image.Image:
    """Colour a grey image of any size by the map (H, H) of one label: the larger a value, the more orange.

    Values of 0 and below are not coloured; the largest gets the full colour.
    """
    share = Image.fromarray((label_map.clip(0) / max(label_map.max(), 1e-9)).astype(np.float32))
    weight = MAX_OPACITY * np.asarray(share.resize(image.size, Image.Resampling.BILINEAR))[:, :, None]
    return Image.fromarray(np.rint(np.asarray(image)[:, :, None] * (1 - weight) + ORANGE * weight).astype(np.uint8))


def title(name: str, probability: float, label_map: np.ndarray) -> str:
    """The title of a network's map: its name, its probability, and the value that the full colour stands for."""
    return f"{name}: {probability:.0%}, {max(label_map.max(), 0.0):.1f}"
