"""Many images with all cores, never all in memory: their pixels to a file, their fingerprints to the caller."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO

import numpy as np
from PIL import Image
from tqdm import tqdm

from distill import fingerprints, images
from distill.errors import BadInput

# Images under way at once; at 528×528 (the paper's EfficientNet-B6) they take 140 MB.
BATCH = 512


@dataclass(frozen=True)
class Seen:
    """What is known of N images once each was decoded."""

    reasons: list[str | None]  # why it cannot be read
    digests: list[str]  # equal where the pixels are
    prints: np.ndarray  # (N, 4) uint64, see `fingerprints`


def take_in(
    pictures: Iterable[images.File | np.ndarray],
    *,
    count: int,
    size: int,
    keep_aspect: bool,
    out: BinaryIO,
    processes: int | None = None,
) -> Seen:
    """Write `count` pictures, files or uint8 arrays (H, W[, 3]), to `out` as uint8 (size, size) in their order.

    One that cannot be read is written as zeros. `processes` (default: one a core) changes the speed and nothing
    else.
    """
    look = partial(_look, size=size, keep_aspect=keep_aspect)
    reasons, digests, prints = [], [], []
    with ProcessPoolExecutor(processes) as pool, tqdm(total=count, unit="image", disable=None) as bar:
        # The executor would run ahead of a slow disk without bound; batches keep memory independent of N.
        pictures = iter(pictures)
        while batch := list(islice(pictures, BATCH)):
            for pixels, digest, mark, reason in pool.map(look, batch, chunksize=8):
                out.write(pixels)
                reasons.append(reason)
                digests.append(digest)
                prints.append(mark)
                bar.update()
    return Seen(reasons, digests, np.array(prints, np.uint64).reshape(-1, 4))


def _look(picture: images.File | np.ndarray, *, size: int, keep_aspect: bool) -> tuple:
    """Pixels, digest, fingerprint and no reason; or zeros and the reason."""
    try:
        if isinstance(picture, images.File):
            pixels = images.load_inside(picture, size=size, keep_aspect=keep_aspect)
        else:
            pixels = images.square(Image.fromarray(picture).convert("L"), size=size, keep_aspect=keep_aspect)
    except BadInput as error:
        return bytes(size * size), "", (0, 0, 0, 0), str(error)
    return pixels.tobytes(), fingerprints.digest(pixels), fingerprints.fingerprint(pixels), None
