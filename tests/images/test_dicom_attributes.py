"""Attributes that are present but empty, doubled, of another type or damaged."""

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread

from tests.images.dicom_files import lut, noise, packed_lut, read, write

PIXELS = noise(0, 4095, "u2")
WINDOW = {"WindowCenter": 2000, "WindowWidth": 901}


def windowed(values):
    """Between black and white of WINDOW, from 1549.5 to 2449.5; PS3.3 C.11.2.1.2.1."""
    return np.rint(((values - 1999.5) / 900 + 0.5).clip(0, 1) * 255).astype(int)


def retyped(path, **attributes):
    """The file with attributes as (VR, value), whatever VR the standard gives them; None removes one."""
    dataset = dcmread(path)
    for keyword, element in attributes.items():
        if keyword in dataset:
            del dataset[keyword]
        if element:
            dataset.add_new(keyword, *element)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(
    ("slope", "intercept", "factor", "offset"),
    [
        (("DS", ""), ("DS", ""), 1, 0),
        (("DS", ""), ("DS", "-90"), 1, -90),
        (("DS", "2.5"), ("DS", ""), 2.5, 0),
        (("DS", "2.5"), None, 2.5, 0),
        (("DS", ["0.5", "3"]), ("DS", ["700", "1"]), 0.5, 700),
        (("LO", "0.5"), ("IS", "700"), 0.5, 700),
        (("FD", 0.5), ("SS", -90), 0.5, -90),
    ],
)
def test_a_rescale_is_read_in_every_form(tmp_path, slope, intercept, factor, offset):
    path = write(tmp_path / "a", PIXELS, **WINDOW)
    retyped(path, RescaleSlope=slope, RescaleIntercept=intercept)
    assert np.array_equal(read(path), windowed(PIXELS * float(factor) + offset))


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": ("DS", ["", "2000"]), "WindowWidth": ("DS", ["", "901"])},
        {"WindowCenter": ("DS", ["5", "2000"]), "WindowWidth": ("DS", ["0", "901"])},
        {"WindowCenter": ("LO", "2000"), "WindowWidth": ("US", 901)},
        {"WindowCenter": ("DS", "2000"), "WindowWidth": ("DS", "901"), "VOILUTFunction": ("CS", ["LINEAR", "LINEAR"])},
    ],
)
def test_the_first_valid_window_is_taken_in_every_form(tmp_path, window):
    assert np.array_equal(read(retyped(write(tmp_path / "a", PIXELS), **window)), windowed(PIXELS))


def descriptor_alone():
    table = lut(0, 12, range(4096))
    del table.LUTData
    return table


@pytest.mark.parametrize("items", [[], [Dataset()], [descriptor_alone()], [lut(0, 12, [])]])
@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_without_entries_is_passed_over(tmp_path, keyword, items):
    path = write(tmp_path / "a", PIXELS, **WINDOW, **{keyword: items})
    assert keyword in dcmread(path) and np.array_equal(read(path), windowed(PIXELS))


def test_a_table_after_an_empty_one_is_taken(tmp_path):
    path = write(tmp_path / "a", PIXELS, **WINDOW, VOILUTSequence=[Dataset(), lut(0, 12, range(4095, -1, -1))])
    assert np.array_equal(read(path), np.rint((4095 - PIXELS) * (255 / 4095)))


@pytest.mark.parametrize("kind", ["OW", "US"])
@pytest.mark.parametrize("count", [256, 255])
def test_tables_of_packed_bytes_are_read(tmp_path, kind, count):
    entries = [(n * 37 + 11) % 256 for n in range(count)]
    pixels = noise(0, 255, "u1")
    places = np.array(entries)[pixels.clip(None, count - 1)]
    assert np.array_equal(read(write(tmp_path / "a", pixels, VOILUTSequence=[packed_lut(entries, kind)])), places)
    got = read(write(tmp_path / "b", pixels, ModalityLUTSequence=[packed_lut(entries, kind)]))
    low, high = places.min(), places.max()
    assert np.array_equal(got, np.rint((places - low) * (255 / (high - low))))


@pytest.mark.parametrize("bits", [9, 10, 12, 16])
def test_a_modality_table_of_any_depth_is_read(tmp_path, bits):
    entries = np.arange(4096)[::-1] * (2**bits - 1) // 4095
    path = write(tmp_path / "a", PIXELS, **WINDOW, ModalityLUTSequence=[lut(0, bits, entries)])
    assert np.array_equal(read(path), windowed(entries[PIXELS]))


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_negative_first_value_that_was_written_as_unsigned_is_read(tmp_path, keyword):
    pixels = noise(-50, 49, "i2")
    entries = list(range(99, -1, -1))
    unsigned, signed = ({keyword: [lut(first, 8, entries, kind)]} for first, kind in ((65_486, "US"), (-50, "SS")))
    got = read(write(tmp_path / "a", pixels, **unsigned))
    assert len(np.unique(got)) > 90 and np.array_equal(got, read(write(tmp_path / "b", pixels, **signed)))


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"VOILUTSequence": ("SQ", Sequence([lut(0, 8, range(9), length=20)]))}, "VOILUTSequence with 9 of its 20"),
        ({"VOILUTSequence": ("SQ", Sequence([lut(0, 17, range(9))]))}, "VOILUTSequence with entries of 17 bits"),
        ({"ModalityLUTSequence": ("LO", "none")}, "ModalityLUTSequence without items"),
        ({"RescaleSlope": ("LO", "steep")}, "RescaleSlope 'steep', which is no number"),
        ({"RescaleSlope": ("DS", "0")}, "RescaleSlope 0"),
        ({"RescaleIntercept": ("FD", float("nan"))}, "RescaleIntercept 'nan', which is no number"),
        ({"PixelPaddingValue": ("LO", "black")}, "PixelPaddingValue 'black'"),
        ({"NumberOfFrames": ("LO", "1A")}, "NumberOfFrames '1A', which is no number"),
        ({"NumberOfFrames": ("DS", "1.5")}, "NumberOfFrames 1.5, which is no integer"),
        ({"Rows": None}, "no Rows"),
        ({"BitsStored": ("US", None)}, "no BitsStored"),
        ({"BitsAllocated": ("LO", "")}, "no BitsAllocated"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_the_attribute(tmp_path, attributes, reason):
    with pytest.raises(ValueError, match=reason):
        read(retyped(write(tmp_path / "a", PIXELS), **attributes))


def test_a_damaged_number_is_refused_by_the_name_of_the_attribute(tmp_path):
    path = write(tmp_path / "a", PIXELS, NumberOfFrames=12, RescaleSlope="2.50")
    content = path.read_bytes()
    for whole, broken, reason in (
        (b"IS\x02\x0012", b"IS\x02\x001A", "NumberOfFrames '1A', which is no number"),
        (b"IS\x02\x0012", b"IS\x02\x001\\", "RescaleSlope '2,50', which is no number"),
    ):
        path.write_bytes(content.replace(whole, broken).replace(b"2.50", b"2,50"))
        with pytest.raises(ValueError, match=reason):
            read(path)


def test_a_doubled_header_is_read(tmp_path):
    doubled = {"Rows": ("US", [20, 20]), "BitsStored": ("US", [16, 16]), "NumberOfFrames": ("IS", ["1", "1"])}
    doubled |= {"PhotometricInterpretation": ("CS", ["MONOCHROME1", "MONOCHROME1"])}
    path = write(tmp_path / "a", PIXELS, **WINDOW)
    assert np.array_equal(read(retyped(path, **doubled)), 255 - windowed(PIXELS))
