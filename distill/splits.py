"""Who is in train, dev and test. No patient, and no film that is there twice, stands on two sides."""

import numpy as np
import pandas as pd

from distill.errors import BadInput

OFFICIAL = ["", "train", "dev", "test"]  # by rank
LEFT_OUT = "left out"
SMALL = 5  # groups of a source on its smallest side, below which it is dealt out with other such sources


def by_group(table: pd.DataFrame, *, labels: list[str], dev: float, test: float, seed: int) -> pd.Series:
    """Give every row of `table` "train", "dev", "test" or "left out", one side to all images of a `group`.

    `split` is official, or "" for an image that is free. An official split stays as it was published: where a
    group has official test images, its others are left out; where it has official dev images, its official
    train images are. Groups that are free altogether are dealt out, source by source (small ones together), by the
    shares `dev` and `test` (0 to 1) of these; a source with an official dev or test set gives no others to it, and
    one that is all train and test gives dev from train. The outcome depends on the seed and not on the order of
    rows. Raises `BadInput` for shares that leave no train.
    """
    if not (dev >= 0 and test >= 0 and dev + test < 1):
        raise BadInput(f"dev, test: found shares {dev} and {test}, expected both ≥ 0 and together below 1")
    groups = _groups(table, labels=labels)
    official = groups["split"].reindex(table["group"]).to_numpy()
    for number, (shares, free) in enumerate(_pools(groups, {"dev": dev, "test": test})):
        rng = np.random.default_rng([seed, number])
        sides = _stratify(free[labels].to_numpy(), images=free["images"].to_numpy(), shares=shares, rng=rng)
        groups.loc[free.index, "split"] = sides
    side = pd.Series(groups["split"].reindex(table["group"]).to_numpy(), index=table.index, name="split")
    own = table["split"].to_numpy()
    return side.mask(((official == "test") & (own != "test")) | ((official == "dev") & (own == "train")), LEFT_OUT)


def _pools(groups: pd.DataFrame, shares: dict[str, float]) -> list[tuple[dict[str, float], pd.DataFrame]]:
    """The groups to deal out together, and by which shares: of a source, or of sources too small for shares."""
    pools: dict[tuple, list[pd.DataFrame]] = {}
    for source, part in groups.groupby("source"):
        official = set(part["split"])
        drawn = {side: share for side, share in shares.items() if side not in official and share > 0}
        free = part[part["split"] == ""]
        if free.empty and "dev" not in official:
            drawn, free = {"dev": shares["dev"]}, part[part["split"] == "train"]
        small = len(free) * min(drawn.values(), default=1) < SMALL
        pools.setdefault(("" if small else source, *drawn), []).append(free)
    drawn = [{side: shares[side] for side in key[1:]} for key in pools]
    return [
        ({"train": 1 - sum(d.values())} | d, pd.concat(parts)) for d, parts in zip(drawn, pools.values(), strict=True)
    ]


def _groups(table: pd.DataFrame, *, labels: list[str]) -> pd.DataFrame:
    """One row a group, sorted: its `source`, how many `images`, is any positive by label, official `split`."""
    positive = table[labels] == 1
    rank = table["split"].map(OFFICIAL.index)
    how = dict.fromkeys(labels, "any") | {"images": "sum", "rank": "max", "source": "min"}
    columns = {"images": 1, "rank": rank, "source": table["source"]}
    groups = positive.assign(**columns).groupby(table["group"]).agg(how)
    return groups.assign(split=groups["rank"].map(OFFICIAL.__getitem__))


def _stratify(
    positive: np.ndarray, *, images: np.ndarray, shares: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """A side for each group, from `positive`, bool (G, K), and its number of `images` (G,).

    Groups come in random order, rarest label first; each goes where most are missing of its rarest label,
    then of images (after Sechidis 2011, "On the stratification of multi-label data").
    """
    strata = np.column_stack([positive, ~positive.any(axis=1)])  # (G, K + 1): to have no label is a label too
    rarest = rarest_label(strata)
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata.sum(axis=0)[rarest[order]], kind="stable")]
    amount = np.column_stack([strata, images])  # (G, K + 2)
    missing = np.outer(list(shares.values()), amount.sum(axis=0))  # (sides, K + 2)
    sides = np.zeros(len(strata), dtype=int)
    for group in order:
        # lexsort: the last key counts first
        sides[group] = np.lexsort([missing[:, -1], missing[:, rarest[group]]])[-1]
        missing[sides[group]] -= amount[group]
    return np.array(list(shares))[sides]


def rarest_label(has: np.ndarray) -> np.ndarray:
    """For each row of `has`, bool (N, K), its true column that is true least often; -1 where none is."""
    if not has.any():
        return np.full(len(has), -1)
    return np.where(has.any(axis=1), np.where(has, has.sum(axis=0), np.inf).argmin(axis=1), -1)
