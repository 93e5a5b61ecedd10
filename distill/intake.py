"""Many images with all cores, never all in memory: their pixels to a file, their fingerprints to the caller."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from distill import fingerprints, images
from distill.errors import BadInput
from distill.workers import workers

CHUNK = 16  # images that a process takes at once
MARKED = 64  # pixels of a film that is resized for its fingerprint alone
AHEAD = 32  # chunks under way; at 528×528 (the paper's EfficientNet-B6) they take 140 MB


@dataclass(frozen=True)
class Seen:
    """What is known of N images once each was decoded."""

    reasons: list[str | None]  # why it cannot be read
    digests: list[str]  # equal where the pixels are
    prints: np.ndarray  # (N, 4) uint64, see `fingerprints`


class Look(NamedTuple):
    """One image: its pixels, and what `Seen` has of it."""

    pixels: bytes
    reason: str | None
    digest: str
    mark: tuple[int, ...]


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
    work = partial(_look_at_all, size=size, keep_aspect=keep_aspect)
    seen = []
    with workers(processes) as pool, tqdm(total=count, unit="image", disable=None) as bar:
        try:
            for looks in _in_order(pool, work, pictures):
                out.writelines(look.pixels for look in looks)
                seen += [look[1:] for look in looks]
                bar.update(len(looks))
        except BrokenProcessPool as error:
            where = f"after image {len(seen)} of {count}"
            raise OSError(f"{where}: a process that decodes was killed; too little memory?") from error
    reasons, digests, marks = map(list, zip(*seen, strict=True)) if seen else ([], [], [])
    return Seen(reasons, digests, np.array(marks, np.uint64).reshape(-1, 4))


def _in_order(pool: Executor, work, pictures: Iterable) -> Iterator[list[Look]]:
    """The results of all chunks. The pool's own `map` would run ahead of a slow disk without bound."""
    pictures, under_way = iter(pictures), deque()
    while chunk := list(islice(pictures, CHUNK)):
        under_way.append(pool.submit(work, chunk))
        if len(under_way) == AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _look_at_all(pictures: list[images.File | np.ndarray], *, size: int, keep_aspect: bool) -> list[Look]:
    return [_look(picture, size=size, keep_aspect=keep_aspect) for picture in pictures]


def _look(picture: images.File | np.ndarray, *, size: int, keep_aspect: bool) -> Look:
    """One picture; zeros and the reason if it cannot be read."""
    try:
        file = isinstance(picture, images.File)
        film = images.grey_inside(picture) if file else Image.fromarray(picture).convert("L")
    except BadInput as error:
        return Look(bytes(size * size), str(error), "", (0, 0, 0, 0))
    pixels = images.square(film, size=size, keep_aspect=keep_aspect)
    # Of the film without its padding, in which all films of one shape are alike.
    whole = images.square(film, size=MARKED, keep_aspect=False) if keep_aspect else pixels
    if whole.min() == whole.max():
        where = picture.path if file else "an image of the archive"
        return Look(bytes(size * size), f"{where}: found one grey value everywhere, expected a film", "", (0, 0, 0, 0))
    return Look(pixels.tobytes(), None, fingerprints.digest(pixels), tuple(fingerprints.fingerprint(whole).tolist()))
