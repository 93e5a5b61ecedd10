"""Every file that pydicom ships is read, or refused in one line that no programmer has to explain."""

import re
from pathlib import Path

import numpy as np
import pydicom
import pytest

from rayling.common.errors import BadInput
from rayling.images import reading

SHIPPED = Path(pydicom.__file__).parent / "data"
PYTHONS_WORDS = re.compile("NoneType|has no attribute|unsupported operand|invalid literal|subscriptable|damaged file")


def outcome(path):
    """The size of the image, or the line."""
    try:
        return reading.grey(path).size
    except BadInput as error:
        return str(error)


def test_every_file_is_read_or_refused_in_one_clear_line():
    files = [path for folder in ("test_files", "palettes", "charset_files") for path in SHIPPED.rglob(f"{folder}/**/*")]
    outcomes = {path: outcome(path) for path in files if path.is_file() and path.suffix != ".py"}
    lines = [found for found in outcomes.values() if isinstance(found, str)]
    assert len(outcomes) > 150 and len(outcomes) - len(lines) > 90
    assert not [line for line in lines if "\n" in line or PYTHONS_WORDS.search(line)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test-SR.dcm", "a DICOM file that holds no image (Comprehensive SR)"),
        ("rtplan.dcm", "a DICOM file that holds no image (RT Plan)"),
        ("rtstruct.dcm", "a DICOM file that holds no image (RT Structure Set)"),  # without preamble
        ("waveform_ecg.dcm", "a DICOM file that holds no image (12-lead ECG Waveform)"),
        ("dicomdirtests/DICOMDIR", "a DICOM file that holds no image (Media Storage Directory)"),
        ("UN_sequence.dcm", "no pixel data, or a file cut short"),  # of an image
        ("badVR.dcm", "NumberOfFrames '1A', which is no number"),
    ],
)
def test_what_it_is_is_named(name, reason):
    assert f": found {reason}; expected" in outcome(SHIPPED / "test_files" / name)


def test_the_images_of_a_disc_are_found_and_what_is_none_is_counted():
    found = reading.listing(SHIPPED / "test_files/dicomdirtests")
    assert len(found.images) > 30 and all("DICOMDIR" in name for name in found.without_image)
    assert f"hold no image: {len(found.without_image)}, the first DICOMDIR" in found.passed_over()
    assert not any("DICOMDIR" in name for name in found.images)


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_jpeg_extended_of_12_bits_has_the_values_that_pydicom_names(name):
    grey = np.asarray(reading.grey(SHIPPED / "test_files" / name))  # 244 and 95 are in pydicom's own tests; 0 to 264
    assert (grey[420, 140], grey[230, 120]) == (round(244 / 264 * 255), round(95 / 264 * 255))
