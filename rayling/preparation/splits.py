"""The split into train, dev and test: by patient, stratified over labels, official sets as they were published.

A group goes to one split as a whole. It holds all images of a patient, and of patients who share an image
(`duplicates.patient_groups`). The split is also a CSV for people to read, and to give back (`data.split_file`).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.config.schema import Data
from rayling.preparation import csv_table, identities
from rayling.storage.prepared import SPLITS

OFFICIAL = ("", *SPLITS)  # what an image may have before the split; of a group's images the last of these counts
LEFT_OUT = "left out"
ELSEWHERE = "patient or duplicate is in"
MIN_GROUPS = 5  # in the smallest split of a source; sources with fewer are split together


def assign(table: pd.DataFrame, data: Data, *, seed: int) -> pd.DataFrame:
    """Return `table` with the `split` of every image: train, dev, test or "left out".

    Uses the columns `left_out`, `unlabelled`, `split` (official or ""), `group`, `source`, `digest` and one per label.
    The split of a group is that of its labelled images; unlabelled ones are in train or left out. An image that would
    change an official dev or test set is left out too; a copy has the split of the image that it repeats. Raises
    `BadInput` as `by_group` and `refuse_empty` do.
    """
    kept = table[table["left_out"] == ""]
    labelled = kept[~kept["unlabelled"]]
    split = by_group(labelled, labels=data.labels, dev=data.dev, test=data.test, seed=seed)
    of_group = split[split != LEFT_OUT].groupby(labelled["group"]).first()
    unlabelled = kept.loc[kept["unlabelled"], "group"].map(of_group).fillna("train")
    split = pd.concat([split, unlabelled.where(unlabelled == "train", LEFT_OUT)])
    table.loc[kept.index, "split"] = split
    conflict = split[split == LEFT_OUT].index
    table.loc[conflict, "left_out"] = f"{ELSEWHERE} " + kept.loc[conflict, "group"].map(of_group)
    copy = table["left_out"] == "copy"
    of_digest = table[table["left_out"] == ""].set_index("digest")["split"]
    table.loc[copy, "split"] = table.loc[copy, "digest"].map(of_digest).fillna(LEFT_OUT)
    table.loc[~copy & (table["left_out"] != ""), "split"] = LEFT_OUT
    refuse_empty(table, data)
    return table


def by_group(table: pd.DataFrame, *, labels: list[str], dev: float, test: float, seed: int) -> pd.Series:
    """Return "train", "dev", "test" or "left out" for every row of `table`; a `group` is in one split at most.

    `split` is official, or "" for an image that is free. An official split stays as it was published: if a group has
    official test images, its others are left out; if it has official dev images, its official train images are. Groups
    of free images are split source by source (small sources together); `dev` and `test` (0 to 1) are their shares. A
    source with an official dev or test set gives no other groups to it, and one that is all train and test gives dev
    from train. The outcome depends on the seed and not on the order of rows. Raises `BadInput` for shares that leave
    nothing for train.
    """
    if not (dev >= 0 and test >= 0 and dev + test < 1):
        raise BadInput(f"dev, test: found shares {dev} and {test}, expected both ≥ 0 and together below 1")
    groups = _groups(table, labels=labels)
    official = groups["split"].reindex(table["group"]).to_numpy()
    for number, (shares, free) in enumerate(_pools(groups, {"dev": dev, "test": test})):
        rng = np.random.default_rng([seed, number])
        assigned = stratify(free[labels].to_numpy(), images=free["images"].to_numpy(), shares=shares, rng=rng)
        groups.loc[free.index, "split"] = assigned
    split = pd.Series(groups["split"].reindex(table["group"]).to_numpy(), index=table.index, name="split")
    own = table["split"].to_numpy()
    return split.mask(((official == "test") & (own != "test")) | ((official == "dev") & (own == "train")), LEFT_OUT)


def refuse_empty(table: pd.DataFrame, data: Data) -> None:
    """Raise `BadInput` if a split has no image, or if train lacks positives or negatives of a label."""
    kept, moved = table[table["left_out"] == ""], table["left_out"].str.startswith(ELSEWHERE).sum()
    for split in SPLITS:
        if not (kept["split"] == split).any():
            why = f"data.dev {data.dev}, data.test {data.test}"
            if moved:
                why = f"{moved} others are left out, as their {ELSEWHERE} dev or test: official splits share patients"
            raise BadInput(f"{split}: found none of {len(kept)} images, expected some: {why}")
    train = kept.loc[kept["split"] == "train", data.labels]
    for label in data.labels:
        if not (train[label] == 1).any():
            raise BadInput(f"data.labels: found no train image with {label!r}, expected some: does a source map to it?")
        if not (train[label] == 0).any():
            raise BadInput(f"data.labels: found no train image without {label!r}, expected some: is it data.exclusive?")


def from_csv(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Return `table` with the split that the CSV at `path` (columns `image` and `split`) gives to its images.

    A blank frees an image, to be split by the shares; an image that is not listed keeps its official split. Raises
    `BadInput` for an unknown split, an image that the study does not have, one that its reader leaves out, and an
    unlabelled one in dev or test, unless the column `left_out` calls it a copy.
    """
    cells = csv_table.read(path, columns=["image", "split"], optional=["left_out"])
    cells["image"] = csv_table.checked_paths(cells, "image")
    split = identities.without_blanks(cells["split"]).str.lower().map(identities.SPLITS | {LEFT_OUT: LEFT_OUT})
    csv_table.refuse(cells, split.isna(), "split", "train, dev, test, left out or blank")
    image = table["image"].map(identities.composed)
    csv_table.refuse(cells, ~cells["image"].isin(image), "image", "an image of the study")
    given = image.map(split.set_axis(cells["image"]))
    wanted = (table["left_out"] != "") & given.isin(SPLITS)
    if wanted.any():
        row = table[wanted].iloc[0]
        raise BadInput(f"{path}: {row['image']} is {given[wanted].iloc[0]}, expected left out: {row['left_out']}")
    copies = cells.loc[cells["left_out"] == "copy", "image"]  # of images in dev or test, as `write_csv` lists them
    scored = table["unlabelled"] & given.isin(["dev", "test"]) & ~image.isin(copies)
    if scored.any():
        row = table[scored].iloc[0]
        found = f"{row['image']} is {given[scored].iloc[0]}"
        raise BadInput(f"{path}: {found}, expected train or left out: its source is unlabelled")
    split = given.fillna(table["split"])
    left_out = table["left_out"].mask((table["left_out"] == "") & (split == LEFT_OUT), "by the split file")
    return table.assign(split=split.replace(LEFT_OUT, ""), left_out=left_out)


def write_csv(path: str | Path, table: pd.DataFrame, *, labels: list[str]) -> None:
    """Write one row per image: `image`, `split`, `left_out` (the reason, or blank), `patient`, `source`, `sex`, `age`,
    `view`, the labels.

    `split` is train, dev, test or "left out"; that of a copy is the split of the image that it repeats.
    """
    csv_table.write(path, table[["image", "split", "left_out", "patient", "source", "sex", "age", "view", *labels]])


def _groups(table: pd.DataFrame, *, labels: list[str]) -> pd.DataFrame:
    """Return one row per group, sorted: its `source`, number of `images`, labels as bool, and official `split`."""
    rank = table["split"].map(OFFICIAL.index)
    columns = {"images": 1, "rank": rank, "source": table["source"]}
    merge = dict.fromkeys(labels, "any") | {"images": "sum", "rank": "max", "source": "min"}
    groups = (table[labels] == 1).assign(**columns).groupby(table["group"]).agg(merge)
    return groups.assign(split=groups["rank"].map(OFFICIAL.__getitem__))


def _pools(groups: pd.DataFrame, shares: dict[str, float]) -> list[tuple[dict[str, float], pd.DataFrame]]:
    """Return the groups to split together and their shares: one pool per source, or one for several small sources."""
    pools: dict[tuple, list[pd.DataFrame]] = {}
    for source, part in groups.groupby("source"):
        official = set(part["split"])
        drawn = {split: share for split, share in shares.items() if split not in official and share > 0}
        free = part[part["split"] == ""]
        if free.empty and "dev" not in official:
            drawn, free = {"dev": shares["dev"]}, part[part["split"] == "train"]
        small = len(free) * min(drawn.values(), default=1) < MIN_GROUPS
        pools.setdefault(("" if small else source, *drawn), []).append(free)
    drawn = [{split: shares[split] for split in key[1:]} for key in pools]
    return [
        ({"train": 1 - sum(d.values())} | d, pd.concat(parts)) for d, parts in zip(drawn, pools.values(), strict=True)
    ]


def rarest_label(has: np.ndarray) -> np.ndarray:
    """Return for each row of `has`, bool (N, K), the column that is true in it and least often true in all; else -1."""
    if not has.any():
        return np.full(len(has), -1)
    return np.where(has.any(axis=1), np.where(has, has.sum(axis=0), np.inf).argmin(axis=1), -1)


def stratify(
    positive: np.ndarray, *, images: np.ndarray, shares: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Assign G groups to the splits in `shares`, by which they add up to 1. Returns the names of the splits, (G,).

    `positive`, bool (G, K), says which groups have which label; `images` (G,) counts their images. The groups come in
    random order, those with the rarest label first. Each goes to the split that misses most of its rarest label, then
    most images (after Sechidis et al. 2011, "On the stratification of multi-label data").
    """
    strata = np.column_stack([positive, ~positive.any(axis=1)])  # (G, K + 1): no label at all counts as one
    rarest = rarest_label(strata)
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata.sum(axis=0)[rarest[order]], kind="stable")]
    amount = np.column_stack([strata, images])  # (G, K + 2)
    missing = np.outer(list(shares.values()), amount.sum(axis=0))  # (splits, K + 2)
    assigned = np.zeros(len(strata), dtype=int)
    for group in order:
        # lexsort: the last key counts first
        assigned[group] = np.lexsort([missing[:, -1], missing[:, rarest[group]]])[-1]
        missing[assigned[group]] -= amount[group]
    return np.array(list(shares))[assigned]
