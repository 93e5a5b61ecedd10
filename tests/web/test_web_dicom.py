"""The page's DICOM functions that need no library, run in Node, against those of Python."""

import base64

import numpy as np
import pytest
from pydicom import Dataset

from rayling.images import dicom_display, dicom_pixels
from tests.browser import NODE
from tests.web.test_web_arithmetic import calls

pytestmark = pytest.mark.skipif(NODE is None, reason="no node")


def cases():
    """Smooth films of 6 to 12 bits, with HighBit, unused bits and padding right and wrong."""
    generator = np.random.default_rng(0)
    for _ in range(200):
        allocated, signed = generator.choice([8, 16]), int(generator.integers(2))
        bits = int(generator.integers(3, allocated + 1))
        shift = int(generator.integers(allocated - bits + 1))
        film = np.cumsum(generator.integers(-3, 4, (40, 30)), 1) + generator.integers(2**allocated)
        other = generator.choice([0, 2 ** (allocated - 1), 1]) * generator.integers(0, 2, film.shape)
        words = (film << shift | other).astype(f"u{allocated // 8}").view(f"{'ui'[signed]}{allocated // 8}")
        padding = int(generator.choice([words[0, 0], int(words[0, 0]) % 2**16, 300]))
        yield words, {"bits": bits, "high_bit": bits - 1 + int(generator.choice([0, shift])), "padding": padding}


def in_python(words, bits, high_bit, padding):
    """The stored values, padding and grey levels, or the word of the refusal."""
    dataset = Dataset()
    dataset.BitsStored, dataset.HighBit, dataset.PhotometricInterpretation = bits, high_bit, "MONOCHROME2"
    dataset.add_new("PixelPaddingValue", "SL", padding)
    try:
        values, mask = dicom_pixels.stored(words, dataset)
    except ValueError as error:
        return str(error)
    return values.ravel().tolist(), mask.ravel().tolist(), dicom_display.levels(values, mask, dataset).ravel().tolist()


def about(words, bits, high_bit, padding):
    rows, columns = words.shape
    names = {"rows": rows, "columns": columns, "bitsAllocated": 8 * words.itemsize, "bitsStored": bits}
    names |= {"highBit": high_bit, "padding": padding, "signed": words.dtype.kind == "i", "windows": []}
    return names | {"interpretation": "MONOCHROME2", "shape": "LINEAR"}


def test_stored_values_and_grey_levels_equal_those_of_python():
    every = [(words, about(words, **header), in_python(words, **header)) for words, header in cases()]
    stored = calls(*(["dicom-pixels", "storedValues", words.ravel().tolist(), named] for words, named, _ in every))
    refused = [isinstance(expected, str) for *_, expected in every]
    assert 10 < sum(refused) < 150 and [set(answer) == {"error"} for answer in stored] == refused
    read = [(answer, named, want) for answer, (_, named, want) in zip(stored, every, strict=True) if "values" in answer]
    shown = calls(*(["dicom-display", "displayed", got["values"], got["padding"], named] for got, named, _ in read))
    for (got, _, (values, padding, levels)), grey in zip(read, shown, strict=True):
        assert got["values"] == values and list(_bytes(got["padding"])) == padding
        assert list(_bytes(grey)) == levels


def _bytes(answer):
    return np.frombuffer(base64.b64decode(answer["bytes"]), np.uint8).tolist()
