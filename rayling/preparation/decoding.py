"""Decode many images on all cores: their pixels go to a file for each size, digests and fingerprints to the caller.

Each image is decoded once, and resized from the original to each size. At no time are all images in memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from rayling.common.errors import BadInput
from rayling.common.parallel import process_pool
from rayling.config.schema import Data
from rayling.images import reading
from rayling.preparation import duplicates, sources

CHUNK = 16  # images that a process decodes at a time
AHEAD = 32  # chunks under way; at 528×528 (EfficientNet-B6 of the paper) alone they take 140 MB
FINGERPRINT_SIDE = 64  # pixels of an image that is resized for its fingerprint alone


@dataclass(frozen=True)
class Decoded:
    """The results for N images."""

    reasons: list[str | None]  # why an image cannot be read; None if it can
    digests: list[str]  # equal where the pixels are equal
    fingerprints: np.ndarray  # (N, 4) uint64, see `duplicates.fingerprint`


class DecodedImage(NamedTuple):
    """The result for one image: its pixels at each size, and its entries in `Decoded`."""

    pixels: tuple[bytes, ...]
    reason: str | None
    digest: str
    fingerprint: tuple[int, ...]


def decode_table(
    table: pd.DataFrame, pixels: Mapping[int, Path], *, root: Path, data: Data
) -> tuple[pd.DataFrame, np.ndarray]:
    """Decode the images of `table` that are not left out, as `decode_all` does.

    `pixels` maps each size to the file for its pixels; one is that of `data`, from which duplicates are found. Returns
    the table with each image's `row` in these files, its `digest` and, if it cannot be read, the `reason`; and the
    fingerprints (N, 4) of all rows.
    """
    wanted = table[table["left_out"] == ""]
    images = sources.images(root, data, wanted)
    with ExitStack() as stack:
        outs = {size: stack.enter_context(path.open("wb")) for size, path in pixels.items()}
        out, about = outs.pop(data.size), {"count": len(wanted), "size": data.size, "keep_aspect": data.keep_aspect}
        decoded = decode_all(images, **about, out=out, others=outs)
    columns = {"row": range(len(wanted)), "digest": decoded.digests, "reason": decoded.reasons}
    table = table.join(pd.DataFrame(columns, wanted.index))
    left_out = table["left_out"].mask(table["reason"].notna(), "unreadable")
    return table.assign(left_out=left_out), decoded.fingerprints


def report_unreadable(table: pd.DataFrame, limit: float, *, stage: str, listed: str) -> None:
    """Print how many images cannot be read, for the `stage`; they are `listed` in a file.

    Raises `BadInput` if they are more than the share `limit` of all.
    """
    reasons, count = table["reason"].dropna(), int(table["row"].notna().sum())
    if reasons.empty:
        return
    found = f"{len(reasons)} of {count} images cannot be read (listed in {listed}), the first: "
    found += reasons.iloc[0]
    if len(reasons) > limit * count:
        raise BadInput(f"data.max_unreadable: {limit:.1%} are allowed, found {found}")
    print(f"{stage}: {found}")


def decode_all(
    images: Iterable[reading.File | np.ndarray],
    *,
    count: int,
    size: int,
    keep_aspect: bool,
    out: BinaryIO,
    others: Mapping[int, BinaryIO] = MappingProxyType({}),
    processes: int | None = None,
) -> Decoded:
    """Write `count` images, files or uint8 arrays (H, W[, 3]), to `out` as uint8 (size, size), in their order.

    `others` maps further sizes to the files that take the same images at them; they change no digest and no
    fingerprint. An image that cannot be read, or has one grey value only, is written as zeros. The number of processes
    (default: one per core) changes nothing but the speed. Raises OSError if one of them is killed.
    """
    outs = {size: out, **others}
    work = partial(_decode_chunk, sizes=tuple(outs), keep_aspect=keep_aspect)
    results = []
    with process_pool(processes) as pool, tqdm(total=count, unit="image", disable=None) as bar:
        try:
            for chunk in _in_order(pool, work, images):
                for number, file in enumerate(outs.values()):
                    file.writelines(image.pixels[number] for image in chunk)
                results += [image[1:] for image in chunk]
                bar.update(len(chunk))
        except BrokenProcessPool as error:
            where = f"after image {len(results)} of {count}"
            raise OSError(f"{where}: a process that decodes was killed; too little memory?") from error
    reasons, digests, fingerprints = map(list, zip(*results, strict=True)) if results else ([], [], [])
    return Decoded(reasons, digests, np.array(fingerprints, np.uint64).reshape(-1, 4))


def _in_order(pool: Executor, work, images: Iterable) -> Iterator[list[DecodedImage]]:
    """Yield the results chunk by chunk. The pool's own `map` would get ahead of a slow disk without limit."""
    images, under_way = iter(images), deque()
    while chunk := list(islice(images, CHUNK)):
        under_way.append(pool.submit(work, chunk))
        if len(under_way) == AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _decode_chunk(images: list, *, sizes: tuple[int, ...], keep_aspect: bool) -> list[DecodedImage]:
    return [_decode(image, sizes=sizes, keep_aspect=keep_aspect) for image in images]


def _decode(image: reading.File | np.ndarray, *, sizes: tuple[int, ...], keep_aspect: bool) -> DecodedImage:
    """Decode one image; the first size decides about duplicates. One that cannot be used becomes zeros and a reason."""
    is_file = isinstance(image, reading.File)
    try:
        grey = reading.grey_inside(image) if is_file else Image.fromarray(image).convert("L")
    except BadInput as error:
        return _unusable(str(error), sizes)
    squares = [reading.square(grey, size=size, keep_aspect=keep_aspect) for size in sizes]
    # The fingerprint is taken without padding, in which all images of one shape are alike.
    unpadded = reading.square(grey, size=FINGERPRINT_SIDE, keep_aspect=False) if keep_aspect else squares[0]
    if unpadded.min() == unpadded.max():
        where = image.path if is_file else "an image of the archive"
        return _unusable(f"{where}: found one grey value everywhere, expected an X-ray", sizes)
    fingerprint = tuple(duplicates.fingerprint(unpadded).tolist())
    pixels = tuple(square.tobytes() for square in squares)
    return DecodedImage(pixels, None, duplicates.digest(squares[0]), fingerprint)


def _unusable(reason: str, sizes: tuple[int, ...]) -> DecodedImage:
    return DecodedImage(tuple(bytes(size * size) for size in sizes), reason, "", (0, 0, 0, 0))
