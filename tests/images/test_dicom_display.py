"""DICOM: what a viewer shows, compared with the formulas of the standard."""

import math

import numpy as np
import pytest
from PIL import Image

from tests.images.dicom_files import lut, noise, read, write

MONOCHROME1 = {"PhotometricInterpretation": "MONOCHROME1"}


def agree(got, expected):
    """Equal but for the rounding to whole levels."""
    return got.shape == expected.shape and np.abs(got - expected).max() <= 0.5 + 1e-9


def linear(value, center, width):
    """PS3.3 C.11.2.1.2.1 with ymin 0 and ymax 255, one value at a time, as the two after it."""
    if value <= center - 0.5 - (width - 1) / 2:
        return 0
    if value > center - 0.5 + (width - 1) / 2:
        return 255
    return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255


def linear_exact(value, center, width):
    """PS3.3 C.11.2.1.3.2."""
    return min(max((value - center) / width + 0.5, 0), 1) * 255


def sigmoid(value, center, width):
    """PS3.3 C.11.2.1.3.1; the least keeps exp finite."""
    return 255 / (1 + math.exp(min(-4 * (value - center) / width, 700)))


@pytest.mark.parametrize(
    ("low", "high", "dtype", "bits"),
    [(7, 60_000, "u2", 16), (0, 4095, "u2", 12), (-2048, 2047, "i2", 12), (-9, 5, "i1", 8), (3, 2**32 - 1, "u4", 32)],
)
def test_without_a_window_the_minimum_is_black_and_the_maximum_white(tmp_path, low, high, dtype, bits):
    pixels = noise(low, high, dtype)
    got = read(write(tmp_path / "a", pixels, BitsStored=bits))
    assert agree(got, (pixels.astype(float) - low) / (high - low) * 255)


def test_bits_that_are_not_stored_are_ignored(tmp_path):
    pixels = noise(0, 4095, "u2")
    overlaid = pixels | (np.arange(30) % 16 << 12).astype("u2")  # old files keep an overlay in the upper bits
    plain = read(write(tmp_path / "a", pixels, BitsStored=12))
    assert np.array_equal(read(write(tmp_path / "b", overlaid, BitsStored=12)), plain)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2000, "WindowWidth": 700}])
def test_monochrome1_is_the_exact_inversion(tmp_path, window):
    pixels = noise(0, 4095, "u2")
    upright = read(write(tmp_path / "a", pixels, **window))
    assert upright.std() > 50
    assert np.array_equal(read(write(tmp_path / "b", pixels, **window, **MONOCHROME1)), 255 - upright)


@pytest.mark.parametrize("attributes", [{}, MONOCHROME1, {"PixelPaddingValue": 700, **MONOCHROME1}])
def test_a_constant_image_is_black(tmp_path, attributes):
    assert (read(write(tmp_path / "a", np.full((20, 30), 700, "u2"), **attributes)) == 0).all()


@pytest.mark.parametrize(("name", "formula"), [("", linear), ("LINEAR_EXACT", linear_exact), ("SIGMOID", sigmoid)])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2.5, -1000), (-1, 2000)])
@pytest.mark.parametrize(("center", "width"), [(1500, 900), ([1500, 3000], [21, 900])])
@pytest.mark.parametrize(("low", "dtype"), [(0, "u2"), (-2048, "i2")])
def test_rescale_and_window_follow_the_standard(tmp_path, name, formula, slope, intercept, center, width, low, dtype):
    pixels = noise(low, low + 4095, dtype)
    window = {"WindowCenter": center, "WindowWidth": width, "VOILUTFunction": name}
    got = read(write(tmp_path / "a", pixels, **window, BitsStored=12, RescaleSlope=slope, RescaleIntercept=intercept))
    values = pixels * float(slope) + intercept
    expected = [[formula(value, 1500, width if center == 1500 else 21) for value in row] for row in values]
    assert np.ptp(expected) > 200 and agree(got, np.array(expected))


def test_a_window_wider_than_the_content_keeps_the_contrast_low(tmp_path):
    got = read(write(tmp_path / "a", noise(1000, 1100, "u2"), WindowCenter=2048, WindowWidth=4096))
    assert (got.min(), got.max()) == (62, 68)  # 1000 / 4095 and 1100 / 4095 of 255


@pytest.mark.parametrize("center", [{}, {"WindowCenter": 5}, {"WindowCenter": ""}])
@pytest.mark.parametrize("width", [{}, {"WindowWidth": 0}, {"WindowWidth": ""}])
def test_an_invalid_window_is_ignored(tmp_path, center, width):
    pixels = noise(0, 4095, "u2")
    plain = read(write(tmp_path / "a", pixels))
    assert np.array_equal(read(write(tmp_path / "b", pixels, **center, **width)), plain)


@pytest.mark.parametrize(
    ("first", "bits", "kind", "count"),
    [(1000, 12, "US", 900), (0, 8, "US", 900), (-50, 16, "SS", 900), (0, 16, "US", 65_536)],
)
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (1.25, -100), (100, 0)])
def test_a_voi_lut_takes_precedence_over_a_window(tmp_path, first, bits, kind, count, slope, intercept):
    full, last = 2**bits - 1, count - 1
    entries = [min(round(full * (0.1 + 1.2 * (i / last) ** 0.5)), 65_535) for i in range(count)]  # some beyond white
    pixels, tables = noise(-3000, 3000, "i2"), [lut(first, bits, entries, kind)]
    window = {"WindowCenter": 5, "WindowWidth": 10, "RescaleSlope": slope, "RescaleIntercept": intercept}
    got = read(write(tmp_path / "a", pixels, VOILUTSequence=tables, **window))
    places = (np.rint(pixels * float(slope) + intercept) - first).clip(0, last).astype(int)
    assert agree(got, (np.array(entries)[places] / full * 255).clip(0, 255))


def test_a_modality_lut_is_applied_before_the_window(tmp_path):
    entries, pixels = range(0, 40_000, 2), noise(-32_000, 32_000, "i2")
    tables = {"ModalityLUTSequence": [lut(-30_000, 16, entries, "SS")]}
    got = read(write(tmp_path / "a", pixels, **tables, WindowCenter=20_000, WindowWidth=30_000))
    places = (pixels.astype(int) + 30_000).clip(0, 19_999)
    assert agree(got, np.array([[linear(entries[place], 20_000, 30_000) for place in row] for row in places]))


def test_a_modality_lut_without_a_window_gives_its_own_range(tmp_path):
    entries, pixels = [i * 37 % 233 + 5 for i in range(256)], noise(0, 255, "u1")
    got = read(write(tmp_path / "a", pixels, ModalityLUTSequence=[lut(0, 8, entries)]))
    assert agree(got, (np.array(entries)[pixels] - 5) / 232 * 255)


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("padding", "limit", "dtype"), [(0, None, "u2"), (-2000, None, "i2"), (9000, 8990, "u2"), (8990, 9000, "u2")]
)
def test_padding_is_black_and_does_not_affect_the_range(tmp_path, interpretation, padding, limit, dtype):
    pixels = noise(100, 1100, dtype)
    whole = read(write(tmp_path / "a", pixels, PhotometricInterpretation=interpretation))
    pixels[15:], pixels[17:] = padding, padding if limit is None else 8995
    values = {"PixelPaddingValue": padding} | ({} if limit is None else {"PixelPaddingRangeLimit": limit})
    got = read(write(tmp_path / "b", pixels, PhotometricInterpretation=interpretation, **values))
    assert np.array_equal(got[:15], whole[:15]) and (got[15:] == 0).all()


def test_colour_becomes_luminance(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype("u1")
    image = Image.fromarray(pixels)
    expected = np.asarray(image.convert("L"))
    assert np.array_equal(read(write(tmp_path / "a", pixels)), expected)
    deep = pixels.astype("u2") * 257 + np.where(pixels < 128, 100, -100)  # less than half a level off
    assert np.array_equal(read(write(tmp_path / "b", deep.astype("u2"))), expected)
    brightness = np.asarray(image.convert("YCbCr"))
    path = write(tmp_path / "c", brightness, PhotometricInterpretation="YBR_FULL")
    assert np.abs(read(path) - expected).max() <= 2  # through whole numbers of RGB, some of them clipped
