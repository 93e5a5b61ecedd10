"""Which images lie below a folder."""

import os
from pathlib import Path

from distill.errors import BadInput

# What people call images; those that cannot be read are told by `images.grey`, not passed over.
SUFFIXES = {".jpeg", ".jpg", ".png", ".dcm", ".dicom", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2"}


def images(root: str | Path) -> list[str]:
    """The paths below `root`, sorted, with forward slashes, of all files that are named like an image or are DICOM.

    As `below`, but raises `BadInput` for a name that is not UTF-8, which no CSV could hold.
    """
    found = below(root)
    for name in found:
        if name != name.encode("utf-8", "ignore").decode():
            raise BadInput(f"{root}: found a file named {name!r}, expected names in UTF-8")
    return found


def below(root: str | Path) -> list[str]:
    """The same files, with names of any bytes.

    Hidden files are passed over. A folder that is a link is entered, once, so that a link to a parent does no harm.
    """
    found, entered = [], set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = Path(folder).stat()
        if (place.st_dev, place.st_ino) in entered:
            folders.clear()
            continue
        entered.add((place.st_dev, place.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [path.relative_to(root).as_posix() for name in files if is_image(path := Path(folder, name))]
    return sorted(found)


def is_image(path: Path) -> bool:
    """Whether a file is to be read as an image: by its suffix, or as DICOM by its content, which PACS leave bare.

    Hidden files (macOS leaves `._x.png`) and what is no file (a pipe would never end) are not; what can't be read is.
    """
    if path.name.startswith("."):
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return path.is_file() and is_dicom(path)
    except OSError:  # nobody can look into it: whoever reads it tells so
        return True


def is_dicom(path: str | Path) -> bool:
    """Whether "DICM" stands after the 128 bytes of preamble (PS3.10 7.1); the suffix has no say. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(132)[128:] == b"DICM"
