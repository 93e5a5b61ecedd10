"""A view is a pure function of seed, image id and view number, and changes pixels as its amounts say."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from rayling.runtime import augmentation
from rayling.runtime.loader import Batches

NONE = {"rotate": 0.0, "shift": 0.0, "scale": 0.0, "brightness": 0.0, "contrast": 0.0}
USUAL = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
ROTATE, RIGHT, DOWN, SCALE, BRIGHTNESS, CONTRAST, GAMMA = range(7)
KEYS = augmentation.keys(np.array([f"patient{n}/view1.jpg" for n in range(4000)]))


def noise(count: int, size: int = 16) -> torch.Tensor:
    """Images (N, 1, H, H) of random grey values."""
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0))


def changed(images: torch.Tensor, draw: int, value: float, **amounts: float) -> torch.Tensor:
    """All images with one draw set to `value`."""
    draws = torch.zeros(len(images), augmentation.DRAWS)
    draws[:, draw] = value
    return augmentation.apply(images, draws, **NONE | amounts)


def test_view_zero_is_the_image_itself_bit_for_bit():
    images = noise(5)
    draws = augmentation.draws(KEYS[:5], view=0, seed=3)
    assert torch.equal(augmentation.apply(images, torch.from_numpy(draws), **USUAL), images)


def test_view_zero_of_a_split_is_its_normalised_pixels(halves):
    train = Batches(halves, "train", device=torch.device("cpu"), views=USUAL, seed=3)
    rows, split = np.array([5, 0, 5]), train.split
    expected = (split.images[rows] / 255 - split.mean) / split.std
    assert np.allclose(train.batch(rows).images[:, 0], expected, atol=1e-6)


def test_a_view_does_not_depend_on_the_batch_of_its_image(halves):
    train = Batches(halves, "train", device=torch.device("cpu"), views=USUAL, seed=3)
    everything = train.batch(np.arange(48), 2).images
    order = np.random.default_rng(0).permutation(48)
    assert torch.equal(train.batch(order, 2).images, everything[order])
    for size in (1, 3, 7, 16):
        assert torch.equal(train.batch(order[:size], 2).images, everything[order[:size]])


def test_every_row_of_a_batch_may_have_another_view(halves):
    train = Batches(halves, "train", device=torch.device("cpu"), views=USUAL, seed=3)
    rows, view = np.array([5, 0, 5, 7, 5]), np.array([0, 3, 2, 0, 1])
    one_by_one = [train.batch(rows[n : n + 1], int(view[n])).images for n in range(5)]
    assert torch.equal(train.batch(rows, view).images, torch.cat(one_by_one))


def test_another_view_seed_or_image_gives_other_pixels(halves):
    recipe, cpu = USUAL, torch.device("cpu")
    train, other = (Batches(halves, "train", device=cpu, views=recipe, seed=seed) for seed in (3, 4))
    rows = np.arange(48)
    seen = [train.batch(rows, view).images for view in range(3)] + [other.batch(rows, 1).images]
    for one, two in pairwise([*seen, seen[1]]):
        assert ((one - two).abs().amax((1, 2, 3)) > 0.01).all()  # in every image
    assert len(np.unique(augmentation.draws(KEYS, view=1, seed=3), axis=0)) == len(KEYS)


@pytest.mark.parametrize(("view", "seed"), [(1, 0), (2, 0), (7, 0), (1, 1), (3, 12345)])
def test_draws_are_uniform_between_minus_one_and_one(view, seed):
    draws = augmentation.draws(KEYS, view=view, seed=seed)
    assert draws.dtype == np.float32
    assert -1 <= draws.min() < -0.999
    assert 0.999 < draws.max() < 1
    for column in draws.T:
        assert stats.kstest(column, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_draws_are_uncorrelated_across_views_seeds_and_neighbouring_images():
    columns = [augmentation.draws(KEYS, view=view, seed=seed) for view in (1, 2, 3) for seed in (0, 1)]
    columns.append(np.roll(columns[0], 1, axis=0))  # of the previous image
    correlation = np.corrcoef(np.concatenate(columns, axis=1).T)
    off_diagonal = correlation[~np.eye(len(correlation), dtype=bool)]
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(len(KEYS))


@pytest.mark.parametrize(("draw", "moved"), [(RIGHT, (0, 4)), (DOWN, (4, 0))])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_shift_moves_a_point_by_that_share_of_the_width(draw, moved, sign):
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 8, 8] = 1
    shifted = changed(image, draw, sign, shift=0.25)[0, 0]
    place = np.array(divmod(shifted.argmax().item(), 16))
    assert np.abs(place - 8).tolist() == list(moved)
    assert shifted.max() == pytest.approx(1, abs=1e-5)
    assert shifted.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("value", [-1.0, 0.5])
def test_gamma_is_the_logarithm_of_an_exponent_of_grey_values(value):
    images = noise(2)
    assert torch.allclose(changed(images, GAMMA, value, gamma=0.4), images ** np.exp(0.4 * value), atol=1e-5)


def test_half_a_draw_shifts_half_as_far():
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 8, 8] = 1
    whole, half = (changed(image, RIGHT, value, shift=0.25)[0, 0].argmax().item() % 16 for value in (1, 0.5))
    assert whole - 8 == 2 * (half - 8)


def test_a_rotation_by_ninety_degrees_is_that_of_numpy():
    images = noise(3)
    turned = changed(images, ROTATE, 1, rotate=90.0)
    assert torch.allclose(turned, torch.rot90(images, 1, (2, 3)), atol=1e-5)
    back = changed(turned, ROTATE, -1, rotate=90.0)
    assert torch.allclose(back, images, atol=1e-5)


def test_scale_stretches_about_the_centre():
    x = (2 * torch.arange(16) + 1) / 16 - 1  # the middle of every pixel, from -1 to 1
    ramp = (0.5 + 0.4 * x).expand(1, 1, 16, 16)
    larger = changed(ramp, SCALE, -1, scale=0.25)
    assert torch.allclose(larger, (0.5 + 0.4 * 0.75 * x).expand(1, 1, 16, 16), atol=1e-6)
    assert torch.allclose(changed(ramp.mT, SCALE, -1, scale=0.25), larger.mT, atol=1e-6)


def test_rotation_and_scale_combine_as_if_applied_one_after_the_other():
    images = noise(3)
    draws = torch.zeros(3, augmentation.DRAWS)
    draws[:, ROTATE], draws[:, SCALE] = 1, -1
    both = augmentation.apply(images, draws, **NONE | {"rotate": 90.0, "scale": 0.25})
    one_by_one = changed(torch.rot90(images, 1, (2, 3)), SCALE, -1, scale=0.25)
    assert torch.allclose(both, one_by_one, atol=1e-5)


def test_pixels_beyond_the_border_repeat_the_border():
    image = torch.full((1, 1, 16, 16), 0.7)
    for draw, amount in [(ROTATE, {"rotate": 45.0}), (RIGHT, {"shift": 0.5}), (SCALE, {"scale": 0.9})]:
        assert torch.allclose(changed(image, draw, 1, **amount), image, atol=1e-6)


def test_brightness_adds_and_is_clipped_at_black_and_white():
    images = noise(3)
    for value in (-1.0, 0.5):
        assert torch.allclose(
            changed(images, BRIGHTNESS, value, brightness=0.3), (images + 0.3 * value).clamp(0, 1), atol=1e-5
        )


def test_contrast_stretches_about_mid_grey_and_is_clipped_at_black_and_white():
    images = noise(3)
    for value in (-1.0, 1.0):
        expected = (0.5 + (images - 0.5) * (1 + 0.6 * value)).clamp(0, 1)
        assert torch.allclose(changed(images, CONTRAST, value, contrast=0.6), expected, atol=1e-5)


def test_no_view_swaps_left_and_right():
    image = torch.cat([torch.full((1, 1, 16, 8), 0.8), torch.full((1, 1, 16, 8), 0.2)], 3)
    draws = torch.from_numpy(augmentation.draws(KEYS[:500], view=1, seed=0))
    seen = augmentation.apply(image.expand(500, -1, -1, -1), draws, **USUAL)
    assert (seen[..., :8].mean((1, 2, 3)) > seen[..., 8:].mean((1, 2, 3)) + 0.2).all()
