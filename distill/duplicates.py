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
    first. A label that only some copies know is known; one about which they disagree becomes unknown. The pairs
    have `image`, `other`, `kind` (copy: `image` goes; near: both stay), `bits` between the two, `patients` (same or
    two) and, of copies, the labels about which they `disagree`, joined by |.
    """
    rank = table["split"].map(OFFICIAL.index)
    order = table.assign(rank=rank).sort_values("rank", ascending=False, kind="stable")
    first = table.loc[order.drop_duplicates("digest").index].sort_index()
    pairs = pd.concat([_copies(table, first, labels), _near(first, prints[table.index.get_indexer(first.index)])])
    who = patients(table).set_axis(table["image"])
    same = who[pairs["image"]].to_numpy() == who[pairs["other"]].to_numpy()
    pairs.insert(4, "patients", np.where(same, "same", "two"))
    return _merge_labels(table, first, labels), pairs.reset_index(drop=True)


def _copies(table: pd.DataFrame, first: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Each row of `table` that is not in `first`, and the one that is."""
    goes = table[~table.index.isin(first.index)]
    stays = first.set_index("digest").loc[goes["digest"]].set_axis(goes.index)
    differ = (goes[labels] != stays[labels]) & goes[labels].notna() & stays[labels].notna()
    disagree = ["|".join(np.array(labels)[row]) for row in differ.to_numpy(bool)]
    pairs = {"image": goes["image"], "other": stays["image"], "kind": "copy", "bits": 0, "disagree": disagree}
    return pd.DataFrame(pairs)


def _near(first: pd.DataFrame, prints: np.ndarray) -> pd.DataFrame:
    pairs, image = near_pairs(prints), first["image"].to_numpy()
    one, other = image[pairs[:, 0]], image[pairs[:, 1]]
    return pd.DataFrame({"image": one, "other": other, "kind": "near", "bits": pairs[:, 2], "disagree": ""})


def _merge_labels(table: pd.DataFrame, first: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    copied = table[table["digest"].duplicated(keep=False)]
    if copied.empty:
        return first
    known = copied.groupby("digest")[labels]
    agreed = known.min().where(known.min() == known.max())
    merged = first["digest"].isin(agreed.index)
    first.loc[merged, labels] = agreed.loc[first.loc[merged, "digest"]].to_numpy(np.float32)
    return first


def groups(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.Series:
    """Who must stand on one side: the images of a patient, and of patients that share a film (`pairs`).

    A patient is a (source, patient) pair. A group is named by the first of its patients.
    """
    names, number = np.unique(patients(table).to_numpy(str), return_inverse=True)
    of_image = pd.Series(number, index=table["image"])
    ends = of_image[pairs["image"]].to_numpy(), of_image[pairs["other"]].to_numpy()
    graph = coo_array((np.ones(len(pairs)), ends), shape=(len(names), len(names)))
    _, part = connected_components(graph, directed=False)
    first = pd.Series(names).groupby(part).min()
    return pd.Series(first.loc[part[number]].to_numpy(), index=table.index, name="group")


def patients(table: pd.DataFrame) -> pd.Series:
    """Who each image is of; two sources may both have a patient 1."""
    return table["source"] + "\t" + table["patient"]
