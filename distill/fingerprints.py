"""Which images are the same film: equal in every pixel, or alike by a perceptual hash."""

from hashlib import blake2b

import imagehash
import numpy as np
import scipy.fftpack  # noqa: F401  (imagehash imports it at the first hash: once here, not once in every process)
from PIL import Image
from tqdm import tqdm

from distill.errors import BadInput

# Of 256. Among 6,529 real X-rays (Kermany, covid-chestxray, NIH) no two differ in 9 to 33 bits: those below are one
# film twice, those above are two. JPEG at quality 50, half the size, gamma 0.7 move at most 22 (LOG.md).
NEAR = 24
MOST = 1_000_000  # pairs, which would fill the memory; so many only images have that are no films
SIDE = 16  # of the hash, in coefficients of the cosine transform
TILE = 256, 4096  # pairs compared at once, so that they stay in the processor's cache


def digest(pixels: np.ndarray) -> str:
    """32 characters that are equal where `pixels` are."""
    return blake2b(np.ascontiguousarray(pixels), digest_size=16).hexdigest()


def fingerprint(pixels: np.ndarray) -> np.ndarray:
    """The perceptual hash of one image, uint8 (H, W) -> (4,) uint64, 256 bits in all.

    Signs of the low frequencies about their median (`imagehash.phash`): alike for a film that was resized, saved
    again or made brighter, 90 to 160 bits apart for two films.
    """
    bits = imagehash.phash(Image.fromarray(pixels), hash_size=SIDE).hash
    return np.packbits(bits).view(np.uint64)


def near_pairs(prints: np.ndarray, *, bits: int = NEAR) -> np.ndarray:
    """All pairs of `prints`, (N, 4) uint64, that differ in at most `bits`: int64 (P, 3) of first, second, bits.

    Sorted, first < second. Compares every pair, half of the hash first: 191,546 images take about a minute.
    Raises `BadInput` for more than `MOST` pairs.
    """
    tall, wide = TILE
    found = [np.zeros((0, 3), np.int64)]
    tops = tqdm(range(0, len(prints), tall), desc="near-duplicates", disable=None, leave=False)
    for top in tops:
        for left in range(top - top % wide, len(prints), wide):
            pairs = np.array([top, left]) + _candidates(prints[top : top + tall], prints[left : left + wide], bits)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            apart = _apart(prints[pairs[:, 0]], prints[pairs[:, 1]])
            found.append(np.column_stack([pairs, apart])[apart <= bits])
        if sum(map(len, found)) > MOST:
            raise BadInput(f"near-duplicates: found more than {MOST:,} pairs; expected images that differ")
    pairs = np.concatenate(found)
    return pairs[np.lexsort([pairs[:, 1], pairs[:, 0]])]


def _candidates(tall: np.ndarray, wide: np.ndarray, bits: int) -> np.ndarray:
    """Where the first half of the hashes differs in at most `bits`: (P, 2) of row and column."""
    apart = sum(np.bitwise_count(tall[:, None, word] ^ wide[None, :, word]) for word in (0, 1))  # uint8: at most 128
    return np.argwhere(apart <= bits)


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.bitwise_count(first ^ second).sum(axis=1, dtype=np.int64)
