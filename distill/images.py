"""A PNG, JPEG or DICOM on disk -> grey pixels of one size."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from distill.errors import BadInput
from distill.files import is_dicom

MAX_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns from its own limit on: make the two one

# Where DVC keeps a file: with `cache.type symlink` every image is a link to there.
DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


@dataclass(frozen=True)
class File:
    """An image on disk, and the folder, links resolved, that it must not leave by a link."""

    path: Path
    inside: Path


def grey(path: str | Path) -> Image.Image:
    """Read one image at its full size as mode L, 0 black to 255 white.

    What it is is told by its content, not its name. Colour becomes luminance, transparency is ignored, an EXIF
    rotation is applied; more than 8 bits are stretched from their own least to their greatest value, as there
    is no agreed white among them; for DICOM see `dicom.grey`. Raises `BadInput` for what is no whole image of
    these formats, and for more than 100 megapixels, told from the header; OSError where memory is too little.
    """
    try:
        if is_dicom(path):
            from distill import dicom  # a quarter of a second that PNG and JPEG need not wait for

            return dicom.grey(path, max_pixels=MAX_PIXELS)
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}×{image.height} pixels")
            # No JPEG draft mode: 2048 -> 320 takes a third of the time, but moves pixels by 5 grey levels.
            ImageOps.exif_transpose(image, in_place=True)
            return _grey(image)
    except MemoryError as error:  # of the machine and not of the file: another would read it
        raise OSError(f"{path}: too little memory to decode it") from error
    except Exception as error:  # Pillow and pydicom raise some twenty kinds for broken files
        expected = "a whole PNG, JPEG or DICOM image of at most 100 megapixels"
        raise BadInput(f"{path}: found {_reason(error)}; expected {expected}") from error


def grey_inside(file: File) -> Image.Image:
    """`grey`, but raises `BadInput` too if the file lies elsewhere than its path says, by a link, or is a pipe."""
    try:
        place = file.path.resolve()
        pipe = place.exists() and not place.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links; a null byte
        raise BadInput(f"{file.path}: found {_reason(error)}; expected a file") from error
    if pipe:
        raise BadInput(f"{file.path}: found a folder, a pipe or a device; expected a file")
    if not (place.is_relative_to(file.inside) or DVC_CACHE.search(place.as_posix())):
        raise BadInput(f"{file.path}: found a link to {place}; expected a file below {file.inside}")
    return grey(file.path)


def square(image: Image.Image, *, size: int, keep_aspect: bool) -> np.ndarray:
    """Mode L resized to uint8 (size, size); Pillow's bilinear filter widens with the scale, so it does not alias.

    With `keep_aspect` the shorter side is padded with black to the square, else it is stretched.
    """
    if keep_aspect:
        return np.asarray(ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR, color=0))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _grey(image: Image.Image) -> Image.Image:
    """Mode L from any mode; `convert` alone would clip 16 bits at 255."""
    if not image.mode.startswith("I"):
        return image.convert("L")
    deep = np.asarray(image)
    low, high = int(deep.min()), int(deep.max())
    levels = np.rint((np.arange(high + 1) - low) * (255 / max(high - low, 1))).clip(0).astype(np.uint8)
    return Image.fromarray(levels[deep])  # a table: arithmetic on 100 megapixels would take gigabytes


def _reason(error: Exception) -> str:
    """One line, without the path, which Pillow and the system repeat."""
    if isinstance(error, UnidentifiedImageError):
        return "another format, or nothing"
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
