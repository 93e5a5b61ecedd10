"""Which images lie below a folder."""

import os
from pathlib import Path

SUFFIXES = {".jpeg", ".jpg", ".png", ".dcm", ".dicom"}


def images(root: str | Path) -> list[str]:
    """The paths below `root`, sorted, with forward slashes, of all files named like an image; hidden ones are not.

    A folder that is a link is entered, once, so that a link to a parent does no harm.
    """
    found, entered = [], set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = Path(folder).stat()
        again = (place.st_dev, place.st_ino) in entered
        entered.add((place.st_dev, place.st_ino))
        folders[:] = [] if again else sorted(name for name in folders if not name.startswith("."))
        shown = [] if again else [name for name in files if is_image(name)]
        found += [Path(folder, name).relative_to(root).as_posix() for name in shown]
    return sorted(found)


def is_image(name: str) -> bool:
    """Whether a file of this name may be an image: by its suffix, and not hidden (as macOS' `._x.png` is)."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
