"""Find the image files below a folder; read a PNG, JPEG or DICOM file as grey pixels, and resize it to a square."""

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rayling.common.errors import BadInput, printable
from rayling.images import formats
from rayling.images.formats import is_dicom

# Suffixes of images. Formats that `grey` cannot read are listed too: it reports them.
DICOM_SUFFIXES = {".dcm", ".dicom"}
SUFFIXES = DICOM_SUFFIXES | {".jpeg", ".jpg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2"}

MAX_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # so that Pillow warns at our limit and not at its own

PYTHONS_OWN = (AssertionError, AttributeError, LookupError, TypeError, struct.error)

# A file in DVC's cache: with `cache.type symlink` every image is a link to one.
DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class Listing(NamedTuple):
    """What lies below a folder, sorted, with forward slashes."""

    images: list[str]
    without_image: list[str]  # DICOM files that hold none, each with its kind: "DICOMDIR (Media Storage Directory)"

    def passed_over(self) -> str | None:
        """Return a line that counts the files without image, None if there are none."""
        count = len(self.without_image)
        first = printable(next(iter(self.without_image), ""))
        return f"passed over DICOM files that hold no image: {count:,}, the first {first}" if count else None


def image_files(root: str | Path) -> list[str]:
    """Return the paths below `root`, sorted, with forward slashes, of all files that hold an image; see `listing`."""
    return listing(root).images


def listing(root: str | Path) -> Listing:
    """Return the files below `root` that `is_image` accepts, those apart that are DICOM without an image.

    Hidden folders are skipped. Links to folders are followed; each folder is entered once, so a loop of links ends.
    """
    found, visited = Listing([], []), set()
    for folder, folders, files in os.walk(root, followlinks=True):
        place = Path(folder).stat()
        if (place.st_dev, place.st_ino) in visited:
            folders.clear()
            continue
        visited.add((place.st_dev, place.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in filter(is_image, (Path(folder, name) for name in files)):
            name, kind = path.relative_to(root).as_posix(), _kind_without_image(path)
            (found.without_image if kind else found.images).append(f"{name} ({kind})" if kind else name)
    return Listing(sorted(found.images), sorted(found.without_image))


def utf8_image_files(root: str | Path) -> list[str]:
    """As `image_files`, but raises `BadInput` for a name that is not UTF-8, which no CSV can hold."""
    return utf8_listing(root).images


def utf8_listing(root: str | Path) -> Listing:
    """As `listing`, but raises `BadInput` for an image whose name is not UTF-8."""
    found = listing(root)
    for name in found.images:
        if name != name.encode("utf-8", "ignore").decode():
            raise BadInput(f"{root}: found a file named {name!r}, expected names in UTF-8")
    return found


def is_image(path: Path) -> bool:
    """Return whether to read a file as an image: its suffix says so, or its content is DICOM (often without a suffix).

    False for hidden files (macOS leaves `._x.png`) and for what is no regular file and has no such suffix (a pipe would
    never end). True for a file that cannot be opened, so that its reader reports it.
    """
    if path.name.startswith("."):
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        return path.is_file() and is_dicom(path)
    except OSError:
        return True


def _kind_without_image(path: Path) -> str | None:
    """Return the kind of a DICOM file that holds no image, else None; other files are not opened for it."""
    if path.suffix.lower() in SUFFIXES - DICOM_SUFFIXES:
        return None
    try:
        if not (path.is_file() and is_dicom(path)):
            return None
        from rayling.images import dicom  # takes a quarter of a second, which PNG and JPEG save

        return dicom.without_image(path)
    except OSError:  # its reader reports it
        return None


@dataclass(frozen=True)
class File:
    """An image on disk, and the folder (links resolved) that it must lie in, links followed."""

    path: Path
    inside: Path


def grey(path: str | Path) -> Image.Image:
    """Read one image at full size as mode L, 0 black to 255 white.

    The format is recognised by content, not by name. Colour becomes luminance, transparency is ignored, and an EXIF
    rotation is applied. Values of more than 8 bits have no agreed white, so they are stretched from the image's minimum
    to its maximum. For DICOM see `dicom.grey`. Raises `BadInput` if the file is not a complete image in one of these
    formats, or if its header declares more than 100 megapixels; OSError if there is too little memory.
    """
    try:
        if is_dicom(path):
            from rayling.images import dicom  # late, as above

            return dicom.grey(path, max_pixels=MAX_PIXELS)
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}×{image.height} pixels")
            # No JPEG draft mode: from 2048 to 320 px it takes a third of the time, but moves pixels by 5 grey levels.
            ImageOps.exif_transpose(image, in_place=True)
            return _grey(image)
    except MemoryError as error:  # the machine's fault, not the file's: a larger one can read it
        raise OSError(f"{path}: too little memory to decode it") from error
    except Exception as error:  # Pillow and pydicom raise some twenty types for broken files
        expected = "a whole PNG, JPEG or DICOM image of at most 100 megapixels"
        raise BadInput(f"{path}: found {_reason(error, path)}; expected {expected}") from error


def grey_inside(file: File) -> Image.Image:
    """As `grey`, but also raises `BadInput` if a link leads out of `file.inside`, or if it is not a regular file."""
    try:
        place = file.path.resolve()
        irregular = place.exists() and not place.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links; a null byte
        raise BadInput(f"{file.path}: found {_reason(error, file.path)}; expected a file") from error
    if irregular:
        raise BadInput(f"{file.path}: found a folder, a pipe or a device; expected a file")
    if not (place.is_relative_to(file.inside) or DVC_CACHE.search(place.as_posix())):
        raise BadInput(f"{file.path}: found a link to {place}; expected a file below {file.inside}")
    return grey(file.path)


def square(image: Image.Image, *, size: int, keep_aspect: bool) -> np.ndarray:
    """Resize mode L to uint8 (size, size).

    With `keep_aspect` the shorter side is padded with black, else it is stretched. Pillow's bilinear filter widens with
    the scale, so it does not alias.
    """
    if keep_aspect:
        return np.asarray(ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR, color=0))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _grey(image: Image.Image) -> Image.Image:
    """Convert any mode to L; `convert` alone would clip 16 bits at 255."""
    if not image.mode.startswith("I"):
        return image.convert("L")
    deep = np.asarray(image)
    low, high = int(deep.min()), int(deep.max())
    levels = np.rint((np.arange(high + 1) - low) * (255 / max(high - low, 1))).clip(0).astype(np.uint8)
    return Image.fromarray(levels[deep])  # a lookup table: arithmetic on 100 megapixels would take gigabytes


def _reason(error: Exception, path: str | Path) -> str:
    """Return the reason in one line, without the path that Pillow and the system add."""
    if isinstance(error, UnidentifiedImageError):
        return formats.describe(path)
    said = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    # What Python itself raises was meant for no user: pydicom or Pillow met a value that it did not foresee.
    return f"a damaged file ({said})" if isinstance(error, PYTHONS_OWN) else said
