"""Films that are in the set twice: what is dropped, and who must stay together."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from distill.fingerprints import near_pairs
from distill.splits import OFFICIAL


def find(table: pd.DataFrame, prints: np.ndarray, *, labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `table` that stay, one for each `digest`, and all pairs of films that are the same.

    `prints` (N, 4) uint64 are their fingerprints. Of copies the one that is officially in test stays, else the
    first. A label that only some copies know is known; one about which they disagree becomes unknown (but copies
    have no say about an image of an official set that they are not in). The pairs
    have `image`, `other`, `kind` (copy: `image` goes; near: both stay), `bits` between the two, `patients` (same or
    two) and the labels about which they `disagree`, joined by |.
    """
    rank = table["split"].map(OFFICIAL.index)
    order = table.assign(rank=rank).sort_values("rank", ascending=False, kind="stable")
    first = table.loc[order.drop_duplicates("digest").index].sort_index()
    goes = table[~table.index.isin(first.index)]
    stays = first.set_index("digest").loc[goes["digest"], "image"].to_numpy()
    copies = pd.DataFrame({"image": goes["image"], "other": stays, "kind": "copy", "bits": 0})
    near, image = near_pairs(prints[table.index.get_indexer(first.index)]), first["image"].to_numpy()
    alike = {"image": image[near[:, 0]], "other": image[near[:, 1]], "kind": "near", "bits": near[:, 2]}
    pairs = pd.concat([copies, pd.DataFrame(alike)], ignore_index=True)
    return _merge_labels(table, first, labels), _compare(table.set_index("image"), pairs, labels)


def _compare(table: pd.DataFrame, pairs: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """The pairs with `patients` and `disagree`."""
    one, other = (table.loc[pairs[end]] for end in ("image", "other"))
    same = one["patient"].to_numpy() == other["patient"].to_numpy()
    one, other = one[labels].to_numpy(), other[labels].to_numpy()
    differ = (one != other) & ~np.isnan(one) & ~np.isnan(other)
    disagree = ["|".join(np.array(labels)[row]) for row in differ]
    return pairs.assign(patients=np.where(same, "same", "two"), disagree=disagree)


def _merge_labels(table: pd.DataFrame, first: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """`first` with what its copies know; one outside an official set has no say about an image in it."""
    split = table["digest"].map(first.set_index("digest")["split"])
    copied = table[table["digest"].duplicated(keep=False) & (table["split"] == split)]
    if copied.empty:
        return first
    known = copied.groupby("digest")[labels]
    agreed = known.min().where(known.min() == known.max())
    merged = first["digest"].isin(agreed.index)
    first.loc[merged, labels] = agreed.loc[first.loc[merged, "digest"]].to_numpy(np.float32)
    return first


def groups(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Who must stand on one side: the images of a `patient`, and of patients that share a film (`pairs`).

    A group is named by the first of its patients.
    """
    names, number = np.unique(table["patient"].to_numpy(str), return_inverse=True)
    of_image = pd.Series(number, index=table["image"])
    ends = of_image[pairs["image"]].to_numpy(), of_image[pairs["other"]].to_numpy()
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(names), len(names)))
    _, part = connected_components(graph, directed=False)
    first = pd.Series(names).groupby(part).min()
    return pd.Series(first.loc[part[number]].to_numpy(), index=table.index, name="group")
