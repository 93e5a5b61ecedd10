"""A PNG or JPEG on disk -> grey pixels of one size; many of them with all cores, never all in memory."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from distill.errors import BadInput

MAX_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns from its own limit on: make the two one

# Images under way at once; at 528×528 (the paper's EfficientNet-B6) they take 140 MB.
BATCH = 512


def load(path: str | Path, *, size: int, keep_aspect: bool) -> np.ndarray:
    """Read one image as uint8 (size, size), 0 black to 255 white.

    Colour becomes luminance, transparency is ignored, 16 bits are scaled to 8. With `keep_aspect` the shorter
    side is padded with black to the square, else it is stretched. Raises `BadInput` for what is no whole PNG
    or JPEG, and for more than 100 megapixels, told from the header alone.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}×{image.height} pixels")
            # No JPEG draft mode: 2048 -> 320 takes a third of the time, but moves pixels by 5 grey levels.
            return np.asarray(_square(_grey(image), size=size, keep_aspect=keep_aspect))
    except Exception as error:  # Pillow raises some ten kinds for broken files
        expected = "a whole PNG or JPEG of at most 100 megapixels"
        raise BadInput(f"{path}: found {_reason(error)}; expected {expected}") from error


def load_all(
    paths: Sequence[str | Path],
    *,
    size: int,
    keep_aspect: bool,
    out: np.ndarray,
    processes: int | None = None,
) -> list[str | None]:
    """Fill `out`, uint8 (N, size, size) in memory or a memmap, with the N images in their order.

    Returns for every path None, or the line that says why it cannot be read; its pixels in `out` are then 0.
    `processes` (default: one a core) changes the speed and nothing else.
    """
    attempt = partial(_attempt, size=size, keep_aspect=keep_aspect)
    reasons = []
    with (
        ProcessPoolExecutor(processes) as pool,
        tqdm(total=len(paths), unit="image", disable=None) as bar,
    ):
        # The executor would run ahead of a slow disk without bound; batches keep memory independent of N.
        for start in range(0, len(paths), BATCH):
            results = pool.map(attempt, paths[start : start + BATCH], chunksize=8)
            for row, (pixels, reason) in enumerate(results, start):
                out[row] = pixels
                reasons.append(reason)
                bar.update()
    return reasons


def _attempt(path: str | Path, *, size: int, keep_aspect: bool) -> tuple[np.ndarray | int, str | None]:
    """Pixels and None, or 0 and the reason."""
    try:
        return load(path, size=size, keep_aspect=keep_aspect), None
    except BadInput as error:
        return 0, str(error)


def _reason(error: Exception) -> str:
    """One line, without the path, which Pillow and the system repeat."""
    if isinstance(error, UnidentifiedImageError):
        return "another format, or nothing"
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _grey(image: Image.Image) -> Image.Image:
    """Mode L from any mode; `convert` alone would clip 16 bits at 255."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.uint32)  # 0 to 65535
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    return image.convert("L")


def _square(image: Image.Image, *, size: int, keep_aspect: bool) -> Image.Image:
    """Resize to (size, size); Pillow's bilinear filter widens with the scale, so it does not alias."""
    if keep_aspect:
        return ImageOps.pad(image, (size, size), Image.Resampling.BILINEAR, color=0)
    return image.resize((size, size), Image.Resampling.BILINEAR)
