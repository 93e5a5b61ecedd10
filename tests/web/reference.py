"""What the page must show: the answers of Python, and occlusion maps computed slowly, by their definition.

H pixels a side.
"""

import math
import re
from functools import partial

import numpy as np

from rayling.predict.answers import answer

LABELS = ["Edema", "Pleural Effusion", "Fracture", "Überblähung"]


def agrees(shown, model, path):
    """Assert that the page shows the answer that Python gives; return that."""
    expected = answer(model, path)
    assert shown["error"] == "" and set(shown["probabilities"]) == set(model.labels)
    got = [shown["probabilities"][label] for label in model.labels]
    assert np.abs(got - expected.probabilities).max() < 1e-3
    assert set(shown["present"]) == {
        label for label, present in zip(model.labels, expected.present, strict=True) if present
    }
    without_digits = partial(re.sub, r"\d\.\d\d times", "times")  # the last one may be rounded otherwise
    assert all(without_digits(reason) in without_digits(shown["warning"]) for reason in expected.unfamiliar)
    assert bool(shown["warning"]) == bool(expected.unfamiliar) == ("no answer" in shown["status"])
    return expected


def slow_windows(size):
    """The side of the window and its 144 corners (top, left): 12 positions each way, halves rounded up."""
    side = max(1, math.floor(size / 6 + 0.5))
    starts = [math.floor(place * (size - side) / 11 + 0.5) for place in range(12)]
    return side, [(top, left) for top in starts for left in starts]


def slow_pixel_map(drops, size):
    """The drops (144,) of the windows -> the mean over the windows that cover a pixel (H, H), pixel by pixel."""
    side, corners = slow_windows(size)
    out = np.empty((size, size))
    for y in range(size):
        for x in range(size):
            covering = [
                drop
                for drop, (top, left) in zip(drops, corners, strict=True)
                if top <= y < top + side and left <= x < left + side
            ]
            out[y, x] = np.mean(covering)
    return out
