"""What a file is by its first bytes: DICOM with and without preamble, and the names of other formats."""

import gzip
import zipfile

import numpy as np
import pytest
from PIL import Image, features
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from rayling.common.errors import BadInput
from rayling.images import formats, reading
from tests.images.dicom_files import encode, noise, read, recode, write

PIXELS = noise(0, 4095, "u2")

PILLOWS = {
    "WEBP": "a WebP image",
    "TIFF": "a TIFF image",
    "GIF": "a GIF image",
    "BMP": "a BMP image",
    "JPEG2000": "a JPEG 2000 image",
    "AVIF": "an AVIF image",
    "PPM": "a Netpbm image",
    "PDF": "a PDF",
}

CONTENTS = {
    b"": "an empty file",
    bytes(3000): "zeros alone",
    "Röntgen, seitlich\n".encode(): "text",
    b"\n<!DOCTYPE html><title>404</title>": "an HTML page",
    b"<?xml version='1.0'?><Error>AccessDenied</Error>": "an XML document",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "a Git LFS pointer",
    b"/annex/objects/MD5E-s1--0.png\n": "a git-annex pointer",
    b"\x89PNG\r\n\x1a\n\0\0": "a damaged PNG image",
    b"\xff\xd8\xff": "a damaged JPEG image",
    b"\x01\x07\x03\x05": "an unknown format",
}


@pytest.mark.parametrize("kind", PILLOWS)
def test_other_images_are_named(tmp_path, kind):
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        pytest.skip(f"this Pillow writes no {kind}")
    path = tmp_path / "film.png"
    Image.fromarray(PIXELS.astype("u1")).save(path, kind)
    with pytest.raises(BadInput, match=f"film.png: found {PILLOWS[kind]}; expected a whole PNG, JPEG or DICOM"):
        reading.grey(path)


@pytest.mark.parametrize("content", CONTENTS, ids=list(CONTENTS.values()))
def test_what_is_no_image_is_named(tmp_path, content):
    (tmp_path / "film.png").write_bytes(content)
    with pytest.raises(BadInput, match=f"film.png: found {CONTENTS[content]}"):
        reading.grey(tmp_path / "film.png")


def test_archives_are_named(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(b"film"))
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("film.png", "")
    np.save(tmp_path / "c.npy", PIXELS)
    names = [formats.describe(tmp_path / name) for name in ("a", "b", "c.npy")]
    assert names == ["a gzip archive", "a ZIP archive", "a NumPy array"]


def without_preamble(path, *, meta=True):
    """The file without preamble, without file meta information too if that is not asked for."""
    content = path.read_bytes()[132:]
    length = int.from_bytes(content[8:12], "little")  # of the file meta information, in its first element
    path.write_bytes(content if meta else content[12 + length :])
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("meta", [True, False], ids=["with meta", "without meta"])
def test_dicom_without_a_preamble_is_read_and_found_in_a_folder(tmp_path, syntax, meta):
    path = without_preamble(encode(write(tmp_path / "IM1", PIXELS), syntax), meta=meta)
    assert np.array_equal(read(path), np.rint(PIXELS * (255 / 4095)))
    assert formats.is_dicom(path) and reading.image_files(tmp_path) == ["IM1"]


def test_compressed_dicom_without_a_preamble(tmp_path):
    path = recode(write(tmp_path / "a", PIXELS), "JPEGLSLossless")
    assert np.array_equal(read(without_preamble(path)), np.rint(PIXELS * (255 / 4095)))
    path = recode(write(tmp_path / "a", PIXELS), "JPEGLSLossless")
    with pytest.raises(ValueError, match="compressed pixels and no TransferSyntaxUID"):
        read(without_preamble(path, meta=False))
