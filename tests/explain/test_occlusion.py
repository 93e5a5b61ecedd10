"""`occlusion`: where an answer falls when a part of the image is hidden."""

import numpy as np
import pytest
from PIL import Image

from rayling.explain import occlusion


@pytest.mark.parametrize("size", [12, 32, 50, 64, 224])
def test_the_windows_lie_inside_and_cover_every_pixel(size):
    side, corners = occlusion.window_side(size), occlusion.window_corners(size)
    assert side == max(1, int(size / 6 + 0.5)) and len(corners) == 12
    assert corners[0] == 0 and corners[-1] + side == size and corners == sorted(corners)
    covered = np.zeros(size, int)
    for first in corners:
        covered[first : first + side] += 1
    assert covered.min() >= 1 and covered.max() <= 4


def logistic(weights, bias=0.0):
    """A network of one label whose log-odds are linear in the pixels: the effect of a window is known."""
    return lambda pixels: 1 / (1 + np.exp(-(np.einsum("bij,ij->b", pixels / 255, weights) + bias)))[:, None]


def test_the_map_of_a_linear_network_is_the_mean_effect_of_the_windows():
    rng = np.random.default_rng(0)
    pixels, weights, fill = rng.integers(0, 256, (30, 30), np.uint8), rng.normal(size=(30, 30)) / 40, 70
    found = occlusion.maps(logistic(weights), pixels, fill=fill)[0]
    lost, side, corners = weights * (pixels / 255 - fill / 255), 5, occlusion.window_corners(30)
    expected = np.zeros((30, 30))
    for y in range(30):
        for x in range(30):
            over = [
                lost[top : top + side, left : left + side].sum()
                for top in corners
                for left in corners
                if top <= y < top + side and left <= x < left + side
            ]
            expected[y, x] = np.mean(over)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_map_is_positive_only_where_the_network_looks():
    weights = np.zeros((60, 60))
    weights[40:50, 10:20] = 0.2
    pixels = np.full((60, 60), 200, np.uint8)
    label_map = occlusion.maps(logistic(weights, -8), pixels, fill=50)[0]
    row, column = np.unravel_index(label_map.argmax(), label_map.shape)
    assert 40 <= row < 50 and 10 <= column < 20
    assert not label_map[:25].any() and not label_map[:, 35:].any()


def test_an_answer_of_0_or_1_has_a_finite_map():
    label_map = occlusion.maps(
        lambda pixels: (pixels[:, 5, 5] > 100).astype(float)[:, None], np.full((36, 36), 255), fill=0
    )
    assert np.isfinite(label_map).all() and label_map.max() > 10


def test_the_overlay_is_grey_where_the_map_is_not_positive_and_orange_where_it_is_large():
    label_map = np.zeros((40, 40))
    label_map[:20] = 3.0
    label_map[20:30] = -1.0
    coloured = np.asarray(occlusion.overlay(Image.fromarray(np.full((40, 40), 90, np.uint8)), label_map)).astype(int)
    assert (coloured[25:] == 90).all()
    assert (coloured[:15, :, 0] > 150).all() and (coloured[:15, :, 2] < 60).all()
