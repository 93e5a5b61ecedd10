"""Why a network says what it says: by how much an answer falls where a part of the image is hidden from it.

Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2. It asks nothing of the
network but answers, so that a teacher of any kind and a student are shown by the same measure.
"""

from collections.abc import Callable

import numpy as np

GRID = 12  # positions of the window each way
SHARE = 6  # its side is the sixth part of the image's
NEAREST = 1e-6  # to 0 or 1, of a probability


def maps(ask: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, *, fill: int) -> np.ndarray:
    """By how much the log-odds of each label fall, on average, when a window over a pixel is hidden: (K, H, H).

    `ask` takes uint8 (B, H, H) and gives probabilities (B, K); `pixels` is one image (H, H), `fill` the grey value
    of the window.
    """
    corners = window_corners(len(pixels))
    side = max(1, round_half_up(len(pixels) / SHARE))
    whole = _log_odds(ask(pixels[None]))[0]
    total, covered = np.zeros((len(whole), *pixels.shape)), np.zeros(pixels.shape)
    for top in corners:
        hidden = np.repeat(pixels[None], len(corners), 0)
        for image, left in zip(hidden, corners, strict=True):
            image[top : top + side, left : left + side] = fill
        for left, fall in zip(corners, whole - _log_odds(ask(hidden)), strict=True):
            total[:, top : top + side, left : left + side] += fall[:, None, None]
            covered[top : top + side, left : left + side] += 1
    return total / np.maximum(covered, 1)


def window_corners(size: int) -> list[int]:
    """The first pixel of the window at each of its positions along a side of `size` pixels."""
    side = max(1, round_half_up(size / SHARE))
    return [round_half_up(step * (size - side) / (GRID - 1)) for step in range(GRID)]


def round_half_up(number: float) -> int:
    """As JavaScript rounds, so that the page in `web/` hides the same windows."""
    return int(number + 0.5)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    probabilities = probabilities.astype(float).clip(NEAREST, 1 - NEAREST)
    return np.log(probabilities / (1 - probabilities))
