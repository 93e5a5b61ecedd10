"""What the header says of the bits of pixels, checked against the pixels; expected values come from the raw words."""

import numpy as np
import pytest
from pydicom import dcmread

from tests.images.dicom_files import noise, read, recode, write

ROWS, COLUMNS = np.mgrid[:20, :30]
FILM = (2048 + 1500 * np.sin(COLUMNS / 9) + 500 * np.cos(ROWS / 7)).astype("u2")  # smooth, of 12 bits


def stretched(stored, padding=False):
    """The levels of a file without window: the minimum black, the maximum white, padding black."""
    seen = np.ma.masked_array(stored.astype(float), padding)
    return np.rint((seen - seen.min()) * (255 / (seen.max() - seen.min()))).filled(0).astype(int)


@pytest.mark.parametrize("codec", [None, "RLELossless", "JPEGLosslessProcess14_1"])
@pytest.mark.parametrize("low_bits", [0, 15], ids=["empty low bits", "an overlay in the low bits"])
def test_left_justified_values_are_those_of_the_upper_bits(tmp_path, codec, low_bits):
    words = FILM << 4 | (COLUMNS % 16 & low_bits).astype("u2")
    path = write(tmp_path / "a", words, BitsStored=16)
    path = recode(path, codec) if codec else path
    content = path.read_bytes().replace(b"\x28\0\x01\x01US\x02\0\x10\0", b"\x28\0\x01\x01US\x02\0\x0c\0")
    path.write_bytes(content)  # BitsStored 12 and HighBit 15, which gdcm would not compress so
    assert np.array_equal(read(path), stretched(words >> 4))


def test_left_justified_signed_values_keep_their_sign(tmp_path):
    words = ((FILM.astype("i2") - 2048) << 4).astype("i2")
    assert np.array_equal(read(write(tmp_path / "a", words, BitsStored=12, HighBit=15)), stretched(words >> 4))


@pytest.mark.parametrize("high_bit", [15, 5, 40])
def test_a_high_bit_that_the_words_belie_is_ignored(tmp_path, high_bit):
    assert np.array_equal(read(write(tmp_path / "a", FILM, BitsStored=12, HighBit=high_bit)), stretched(FILM))


@pytest.mark.parametrize(("pixels", "bits"), [(FILM, 10), (FILM // 4, 8), (FILM.astype("i2") - 2048, 11)])
def test_values_of_more_bits_than_stored_are_refused_and_not_cut(tmp_path, pixels, bits):
    with pytest.raises(ValueError, match=f"values of more than BitsStored, {bits}"):
        read(write(tmp_path / "a", pixels, BitsStored=bits))


def test_an_overlay_in_the_upper_bits_is_ignored_in_a_film_too(tmp_path):
    overlay = ((COLUMNS - 15) ** 2 + (ROWS - 10) ** 2 < 36).astype("u2") << 12
    assert np.array_equal(read(write(tmp_path / "a", FILM | overlay, BitsStored=12)), stretched(FILM))


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    ("dtype", "bits", "word", "kind", "value"),
    [
        ("i2", 16, -3000, "US", 62_536),  # signed pixels, padding written as unsigned
        ("i2", 12, -2048, "US", 63_488),
        ("u2", 16, 62_536, "SS", -3000),  # and the reverse
        ("u2", 12, 63_536, "US", 63_536),  # in bits that are not stored
        ("i1", 8, -128, "US", 65_408),
        ("u2", 12, 4000, "US", [4000, 4000]),  # doubled
    ],
)
def test_padding_is_recognised_in_either_sign(tmp_path, interpretation, dtype, bits, word, kind, value):
    pixels = noise(10, 100, dtype)
    pixels[15:] = word
    path = write(tmp_path / "a", pixels, BitsStored=bits, PhotometricInterpretation=interpretation)
    expected = stretched(pixels, padding=ROWS >= 15)
    expected[:15] = 255 - expected[:15] if interpretation == "MONOCHROME1" else expected[:15]
    assert not np.array_equal(read(path), expected)
    assert np.array_equal(read(rewritten(path, kind, value)), expected)


def rewritten(path, kind, value):
    """The file with a PixelPaddingValue in that VR."""
    dataset = dcmread(path)
    dataset.add_new("PixelPaddingValue", kind, value)
    dataset.save_as(path)
    return path


def test_a_padding_value_that_no_pixel_can_have_is_no_other_value(tmp_path):
    pixels = noise(0, 255, "u1")
    path = write(tmp_path / "a", pixels)
    plain = read(path)
    assert np.array_equal(read(rewritten(path, "US", 300)), plain)  # 300 is 44 modulo 256
