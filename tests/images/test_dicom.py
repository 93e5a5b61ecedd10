"""DICOM files: every codec gives the same pixels, and what cannot be read is refused with its reason."""

import warnings

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from tests.images.dicom_files import noise, read, recode, write

CODECS = ("JPEG2000Lossless", "JPEGLosslessProcess14_1", "JPEGLSLossless", "RLELossless")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("low", "high", "dtype", "bits"), [(9, 65_000, "u2", 16), (-2048, 2047, "i2", 12)])
def test_compressed_equals_uncompressed(tmp_path, codec, low, high, dtype, bits):
    plain = write(tmp_path / "a", noise(low, high, dtype), BitsStored=bits)
    packed = recode(plain, codec)
    assert dcmread(packed).file_meta.TransferSyntaxUID.is_compressed
    assert read(plain).std() > 50 and np.array_equal(read(packed), read(plain))


def test_what_pydicom_compresses_is_read(tmp_path):
    plain = write(tmp_path / "a", noise(0, 4095, "u2"), BitsStored=12)
    dataset = dcmread(plain)
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    dataset.save_as(tmp_path / "b")
    assert np.array_equal(read(tmp_path / "b"), read(plain))


@pytest.mark.parametrize("codec", [None, *CODECS])
def test_a_file_cut_short_is_refused(tmp_path, codec):
    path = write(tmp_path / "a", noise(0, 60_000, "u2"))
    path = recode(path, codec) if codec else path
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="cut short" if codec else "less than expected"):
        read(path)


@pytest.mark.parametrize("codec", CODECS)
def test_a_compressed_frame_cut_short_is_refused(tmp_path, codec):
    dataset = dcmread(recode(write(tmp_path / "a", noise(0, 60_000, "u2")), codec))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[: len(frame) // 2]])
    dataset.save_as(tmp_path / "b")
    with pytest.raises(ValueError, match="that cannot be decoded, damaged or cut short"):
        read(tmp_path / "b")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PixelData": b""}, "no pixel data"),
        ({"NumberOfFrames": 2, "PixelData": bytes(2400)}, "2 frames"),
        ({"Rows": 40_000, "Columns": 50_000}, "50000×40000 pixels"),  # decoding would find too few bytes first
        ({"Columns": 31}, "31×20 pixels"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"PhotometricInterpretation": "RGB"}, "RGB with 1 samples"),
        ({"PhotometricInterpretation": ""}, "empty with 1 samples"),
        ({"BitsStored": 17}, "BitsStored 17 of BitsAllocated 16"),
    ],
)
def test_unsupported_images_are_refused_with_the_reason(tmp_path, attributes, reason):
    path = write(tmp_path / "a", noise(0, 4095, "u2"), **attributes)
    with pytest.raises(ValueError, match=reason) as caught:
        read(path)
    assert str(tmp_path) not in str(caught.value)


def test_warnings_of_harmless_faults_are_silenced_here_alone(tmp_path, capfd):
    path = write(tmp_path / "a", noise(0, 4095, "u2"), PixelData=noise(0, 4095, "u2").tobytes() + bytes(10))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(path)
        assert caught == [] and capfd.readouterr() == ("", "")
        assert dcmread(path).pixel_array.any() and "excess padding" in str(caught[0].message)


def test_a_file_deflated_as_a_whole_is_refused_before_it_is_inflated(tmp_path):
    path = write(tmp_path / "a", np.zeros((20, 20), np.uint8))
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated", enforce_file_format=True)
    with pytest.raises(ValueError, match="a file deflated as a whole"):
        read(tmp_path / "deflated")
