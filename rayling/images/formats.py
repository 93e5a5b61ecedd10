"""What a file is by its first bytes: DICOM, or the name of what it is instead of an image that we read."""

import re
from pathlib import Path

# How a DICOM data set without a preamble begins (PS3.5, 7.1): with an element of group 2 or 8, in explicit VR of either
# byte order, or in implicit VR with a length below 1,024.
DATA_SET = re.compile(rb"[\x02\x08]\0.\0(?:[A-Z]{2}|.[\0-\x03]\0\0)|\0[\x02\x08]\0.[A-Z]{2}", re.DOTALL)

OTHERS = {
    rb"\x89PNG": "a damaged PNG image",
    rb"\xff\xd8\xff": "a damaged JPEG image",
    rb"RIFF....WEBP": "a WebP image",
    rb"(?:II[*+]|MM\0[*+])": "a TIFF image",
    rb"GIF8": "a GIF image",
    rb"BM....\0\0\0\0": "a BMP image",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000 image",
    rb"\0\0\0\x0cJXL |\xff\x0a": "a JPEG XL image",
    rb"....ftypavi": "an AVIF image",
    rb"....ftyp(?:he|mi|ms)": "a HEIC image",
    rb"....ftyp": "an MP4 video",
    rb"P[1-7]\s": "a Netpbm image",
    rb"8BPS": "a Photoshop image",
    rb"(?:\x5c\x01\0\0|\0\0\x01\x5c)": "a NIfTI volume",
    rb"\x89HDF": "an HDF5 file",
    rb"\x93NUMPY": "a NumPy array",
    rb"%PDF-": "a PDF",
    rb"PK(?:\x03\x04|\x05\x06)": "a ZIP archive",
    rb"\x1f\x8b": "a gzip archive",
    rb"Rar!|7z\xbc\xaf|.{257}ustar": "an archive",
    rb"MZ|\x7fELF": "a program",
    rb"version https://git-lfs": "a Git LFS pointer in place of the file, which `git lfs pull` fetches",
    rb"/annex/objects/": "a git-annex pointer in place of the file, which `git annex get` fetches",
    rb"(?:\xef\xbb\xbf)?\s*<(?i:!doctype html|html)": "an HTML page",
    rb"(?:\xef\xbb\xbf)?\s*<[?!A-Za-z]": "an XML document",
    rb"\0+$": "zeros alone",
    rb"[^\0-\x08\x0e-\x1f]+$": "text",
    rb"$": "an empty file",
}


def is_dicom(path: str | Path) -> bool:
    """Return whether a file is DICOM, with its preamble (PS3.10, 7.1) or without. Raises OSError."""
    start = _start(path)
    return has_preamble(start) or DATA_SET.match(start) is not None


def has_preamble(start: bytes) -> bool:
    """Return whether "DICM" follows the preamble of 128 bytes."""
    return start[128:132] == b"DICM"


def describe(path: str | Path) -> str:
    """Return what a file is that is no image of a kind that we read: "a TIFF image". Raises OSError."""
    start = _start(path)
    return next((name for magic, name in OTHERS.items() if re.match(magic, start, re.DOTALL)), "an unknown format")


def _start(path: str | Path) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(1024)
