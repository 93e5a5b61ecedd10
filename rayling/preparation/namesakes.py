"""Films that two data sets have under one file name.

A data set that takes over films of another often crops them, and a crop is no near-duplicate of the whole. Its name may
have stayed: of 148 films of Hannover, covid-chestxray-dataset has 43, of which 6 are near-duplicates. But a name may
also be a mere number, and then tells nothing.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from rayling.preparation.duplicates import hamming

FEWEST = 5  # shared names by which two data sets are compared
DEVIATIONS = 3  # standard errors by which films of one name are more alike than others


def namesakes(
    images: Sequence[str], fingerprints: np.ndarray, others: Sequence[str], of_others: np.ndarray
) -> np.ndarray:
    """Return for each of `images` (N,), paths, which of `others` (M,) is the same film by its name, int64 (N,); or -1.

    Only names that occur once on each side count, without folder and suffix. They are believed if their fingerprints,
    (N, 4) and (M, 4), differ in fewer bits than those of films with different names.
    """
    ours, theirs = _rows_by_name(images), _rows_by_name(others)
    pairs = np.array([(row, theirs[name]) for name, row in ours.items() if name in theirs], int).reshape(-1, 2)
    found, (own, same) = np.full(len(images), -1), pairs.T
    if len(pairs) >= FEWEST:
        alike, apart = (hamming(fingerprints[own], of_others[rows]) for rows in (same, np.roll(same, 1)))
        if alike.mean() < apart.mean() - DEVIATIONS * apart.std() / len(pairs) ** 0.5:
            found[own] = same
    return found


def _rows_by_name(images: Sequence[str]) -> dict[str, int]:
    names = [PurePosixPath(image).stem.lower() for image in images]
    times = Counter(names)
    return {name: row for row, name in enumerate(names) if times[name] == 1}
