"""Images that are in the set more than once: copies equal in every pixel, and near-duplicates by a perceptual hash.

All copies but one are dropped. Near-duplicates stay, but with all images of their patients they go to one split.
"""

from hashlib import blake2b
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import scipy.fftpack  # noqa: F401  (imagehash imports it at the first hash: here once, not once in every process)
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from rayling.common.errors import BadInput
from rayling.preparation import csv_table
from rayling.preparation.splits import OFFICIAL

# Bits of 256 in which near-duplicates differ at most. Among 6,529 real X-rays (Kermany, covid-chestxray, NIH) no two
# differ in 9 to 33 bits: below that they are one image saved twice, above it they are two images. JPEG at quality 50,
# half the size and gamma 0.7 change at most 22 bits (docs/log/preparation.md).
MAX_DISTANCE = 24
MAX_PAIRS = 1_000_000  # more would fill the memory; only images that are not X-rays have so many
HASH_SIDE = 16  # coefficients of the cosine transform
TILE = 256, 4096  # images compared at once, rows and columns, so that they stay in the processor's cache


def digest(pixels: np.ndarray) -> str:
    """Return 32 characters that are equal where `pixels` are equal."""
    return blake2b(np.ascontiguousarray(pixels), digest_size=16).hexdigest()


def fingerprint(pixels: np.ndarray) -> np.ndarray:
    """Return the perceptual hash of an image, uint8 (H, W): 256 bits as uint64 (4,).

    It holds the signs of the low frequencies relative to their median (`imagehash.phash`). It changes little if an
    image is resized, saved again or made brighter; two different X-rays are 90 to 160 bits apart.
    """
    bits = imagehash.phash(Image.fromarray(pixels), hash_size=HASH_SIDE).hash
    return np.packbits(bits).view(np.uint64)


def drop_copies(
    table: pd.DataFrame, fingerprints: np.ndarray, *, labels: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out copies, and give each remaining image the `group` that must stay in one split.

    `table` has the `row` of each image in `fingerprints` (N, 4). Returns the table, and the pairs of `find`.
    """
    present = table[table["left_out"] == ""]
    kept, pairs = find(present, fingerprints[present["row"].astype(int)], labels=labels)
    table.loc[kept.index, labels] = kept[labels]
    table.loc[present.index.difference(kept.index), "left_out"] = "copy"
    return table.join(patient_groups(present, pairs)), pairs


def find(table: pd.DataFrame, fingerprints: np.ndarray, *, labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of `table` that are kept, one for each `digest`, and all pairs of duplicates.

    `fingerprints` (N, 4) uint64 are those of the rows. Of several copies the one in an official test set is kept, else
    in dev, else in train, else the first; one of an `unlabelled` source only if all are. A label that only some copies
    know is taken from them, and one about which they disagree becomes unknown; copies outside an official set do not
    change the labels of an image in it.

    The pairs have the columns `image`, `other`, `kind` (copy: `image` is dropped; near: both are kept), `bits` (the
    distance), `patients` (same or two), and `disagree` (the labels about which they disagree, joined by |).
    """
    rank = table["split"].map(OFFICIAL.index)
    rank = rank.mask(table["unlabelled"], -1)
    order = table.assign(rank=rank).sort_values("rank", ascending=False, kind="stable")
    kept = table.loc[order.drop_duplicates("digest").index].sort_index()
    dropped = table[~table.index.isin(kept.index)]
    original = kept.set_index("digest").loc[dropped["digest"], "image"].to_numpy()
    copies = pd.DataFrame({"image": dropped["image"], "other": original, "kind": "copy", "bits": 0})
    near, image = near_pairs(fingerprints[table.index.get_indexer(kept.index)]), kept["image"].to_numpy()
    alike = {"image": image[near[:, 0]], "other": image[near[:, 1]], "kind": "near", "bits": near[:, 2]}
    pairs = pd.concat([copies, pd.DataFrame(alike)], ignore_index=True)
    return _merge_labels(table, kept, labels), _compare(table.set_index("image"), pairs, labels)


def near_pairs(fingerprints: np.ndarray, *, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Return all pairs of `fingerprints`, uint64 (N, 4), that differ in at most `max_distance` bits.

    The result is int64 (P, 3), sorted: first index, second index (larger), bits. Compares every pair, one half of the
    hash first; 191,546 images take about a minute. Raises `BadInput` for more than `MAX_PAIRS` pairs.
    """
    tall, wide = TILE
    found = [np.zeros((0, 3), np.int64)]
    tops = tqdm(range(0, len(fingerprints), tall), desc="near-duplicates", disable=None, leave=False)
    for top in tops:
        rows = fingerprints[top : top + tall]
        for left in range(top - top % wide, len(fingerprints), wide):
            pairs = np.array([top, left]) + _candidates(rows, fingerprints[left : left + wide], max_distance)
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            distance = hamming(fingerprints[pairs[:, 0]], fingerprints[pairs[:, 1]])
            found.append(np.column_stack([pairs, distance])[distance <= max_distance])
        if sum(map(len, found)) > MAX_PAIRS:
            raise BadInput(f"near-duplicates: found more than {MAX_PAIRS:,} pairs; expected images that differ")
    pairs = np.concatenate(found)
    return pairs[np.lexsort([pairs[:, 1], pairs[:, 0]])]


def first_alike(fingerprints: np.ndarray, others: np.ndarray, *, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Return for each of `fingerprints` (N, 4) which of `others` (M, 4) is a near-duplicate, the first: int64 (N,).

    -1 where none is.
    """
    tall, wide = TILE
    found = np.full(len(fingerprints), len(others))
    for top in tqdm(range(0, len(fingerprints), tall), desc="near-duplicates", disable=None, leave=False):
        for left in range(0, len(others), wide):
            rows, columns = fingerprints[top : top + tall], others[left : left + wide]
            row, column = _candidates(rows, columns, max_distance).T
            near = hamming(rows[row], columns[column]) <= max_distance
            np.minimum.at(found, top + row[near], left + column[near])
    return np.where(found < len(others), found, -1)


def write_fingerprints(path: str | Path, kept: pd.DataFrame, fingerprints: np.ndarray) -> None:
    """Write the `image`, `split` and fingerprint, in hexadecimal digits, of each image of train and dev.

    `kept` has the `row` of each image in `fingerprints` (N, 4).
    """
    seen = kept[kept["split"] != "test"]
    words = [row.tobytes().hex() for row in fingerprints[seen["row"].astype(int)]]
    csv_table.write(path, seen[["image", "split"]].assign(fingerprint=words))


def read_fingerprints(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Return what `write_fingerprints` wrote: the images (M,) and their fingerprints (M, 4) uint64.

    Raises `BadInput` for another file.
    """
    cells = csv_table.read(path, columns=["image", "fingerprint"])
    csv_table.refuse(cells, ~cells["fingerprint"].str.fullmatch("[0-9a-f]{64}"), "fingerprint", "64 digits")
    content = bytes.fromhex("".join(cells["fingerprint"]))
    return cells["image"].to_numpy(str), np.frombuffer(content, np.uint64).reshape(-1, 4)


def patient_groups(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Return the `group` of each image: the images of a `patient`, and of patients who share an image (`pairs`).

    A group has the name of its first patient.
    """
    names, number = np.unique(table["patient"].to_numpy(str), return_inverse=True)
    of_image = pd.Series(number, index=table["image"])
    ends = of_image[pairs["image"]].to_numpy(), of_image[pairs["other"]].to_numpy()
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False)
    first = pd.Series(names).groupby(component).min()
    return pd.Series(first.loc[component[number]].to_numpy(), index=table.index, name="group")


def _candidates(rows: np.ndarray, columns: np.ndarray, max_distance: int) -> np.ndarray:
    """Return where the first halves of the hashes differ in at most `max_distance` bits: (P, 2) of row and column."""
    # uint8: at most 128 bits
    distance = sum(np.bitwise_count(rows[:, None, word] ^ columns[None, :, word]) for word in (0, 1))
    return np.argwhere(distance <= max_distance)


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return in how many bits each pair of fingerprints (P, 4) differs, int64 (P,)."""
    return np.bitwise_count(first ^ second).sum(axis=1, dtype=np.int64)


def _merge_labels(table: pd.DataFrame, kept: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Return `kept` with what the copies of each image know; only copies with the same official split count."""
    split = table["digest"].map(kept.set_index("digest")["split"])
    copied = table[table["digest"].duplicated(keep=False) & (table["split"] == split)]
    if copied.empty:
        return kept
    known = copied.groupby("digest")[labels]
    agreed = known.min().where(known.min() == known.max())
    merged = kept["digest"].isin(agreed.index)
    kept.loc[merged, labels] = agreed.loc[kept.loc[merged, "digest"]].to_numpy(np.float32)
    return kept


def _compare(table: pd.DataFrame, pairs: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Return the pairs with the columns `patients` and `disagree`."""
    one, other = (table.loc[pairs[end]] for end in ("image", "other"))
    same = one["patient"].to_numpy() == other["patient"].to_numpy()
    one, other = one[labels].to_numpy(), other[labels].to_numpy()
    differ = (one != other) & ~np.isnan(one) & ~np.isnan(other)
    disagree = ["|".join(np.array(labels)[row]) for row in differ]
    return pairs.assign(patients=np.where(same, "same", "two"), disagree=disagree)
