"""Who is in train, dev and test, and what one balanced epoch is. No patient stands on two sides."""

import numpy as np
import pandas as pd

from distill.errors import BadInput

OFFICIAL = ["", "train", "test"]  # by rank: one test image takes all of its patient there


def by_patient(table: pd.DataFrame, *, labels: list[str], dev: float, test: float, seed: int) -> pd.Series:
    """Give every row of `table` "train", "dev" or "test", the same to all images of a patient.

    A patient is a (source, patient) pair; `dev` and `test` are shares (0 to 1) of a source's patients that
    are not officially assigned. All images of a patient with an official test image are test, and a source
    with official test images gives no others to test; an official "train" patient stays in train. The outcome
    depends on the seed and not on the order of rows. Raises `BadInput` for shares that leave no train.
    """
    if not (dev >= 0 and test >= 0 and dev + test < 1):
        raise BadInput(f"dev, test: found shares {dev} and {test}, expected both ≥ 0 and together below 1")
    patients = _patients(table, labels=labels)
    for number, (_, group) in enumerate(patients.groupby("source")):
        shares = {"train": 1 - dev - test, "dev": dev, "test": test}
        if (group["split"] == "test").any():
            shares = {"train": 1 - dev, "dev": dev}
        free = group[group["split"] == ""]
        rng = np.random.default_rng([seed, number])
        sides = _stratify(free[labels].to_numpy(), images=free["images"].to_numpy(), shares=shares, rng=rng)
        patients.loc[free.index, "split"] = sides
    keys = pd.MultiIndex.from_frame(table[["source", "patient"]])
    return pd.Series(patients["split"].reindex(keys).to_numpy(), index=table.index, name="split")


def balance(labels: np.ndarray, *, names: list[str], targets: dict[str, int], seed: int) -> np.ndarray:
    """One balanced epoch: sorted row numbers, int64 (M,), of `labels`, (N, K) of 1, 0 or NaN named `names`.

    A row belongs to the rarest of the targeted labels that it has, and each of these gets the wanted number
    of rows: fewer are drawn without replacement; for more, every row repeats equally often, give or take one.
    Rows with no targeted label are kept once. Raises `BadInput` for an unknown name or a label without rows.
    """
    for name, wanted in targets.items():
        if name not in names:
            raise BadInput(f"balance: found {name!r}, expected one of {', '.join(names)}")
        if wanted < 1:
            raise BadInput(f"balance: found {wanted} for {name!r}, expected a number of rows above 0")
    columns = [column for column, name in enumerate(names) if name in targets]
    rarest = _rarest(labels[:, columns] == 1)
    epoch = [np.flatnonzero(rarest == -1)]
    for i, column in enumerate(columns):
        rows = np.flatnonzero(rarest == i)
        wanted = targets[names[column]]
        if not len(rows):
            raise BadInput(f"balance: found no row for {names[column]!r}, expected one without a rarer target")
        # Seeded by column, so that another target changes nothing here.
        rng = np.random.default_rng([seed, column])
        epoch += [np.tile(rows, wanted // len(rows)), rng.choice(rows, wanted % len(rows), replace=False)]
    return np.sort(np.concatenate(epoch)).astype(np.int64)


def _rarest(has: np.ndarray) -> np.ndarray:
    """For each row of `has`, bool (N, K), its true column that is true least often; -1 where none is."""
    if not has.any():
        return np.full(len(has), -1)
    return np.where(has.any(axis=1), np.where(has, has.sum(axis=0), np.inf).argmin(axis=1), -1)


def _patients(table: pd.DataFrame, *, labels: list[str]) -> pd.DataFrame:
    """One row a (source, patient), sorted: how many `images`, is any positive by label, official `split`."""
    positive = table[labels] == 1
    rank = table["split"].map(OFFICIAL.index)
    keys = [table["source"], table["patient"]]
    how = dict.fromkeys(labels, "any") | {"images": "sum", "rank": "max"}
    patients = positive.assign(images=1, rank=rank).groupby(keys).agg(how)
    return patients.assign(split=patients["rank"].map(OFFICIAL.__getitem__))


def _stratify(
    positive: np.ndarray, *, images: np.ndarray, shares: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """A side for each patient, from `positive`, bool (P, K), and its number of `images` (P,).

    Patients come in random order, rarest label first; each goes where most are missing of its rarest label,
    then of images (after Sechidis 2011, "On the stratification of multi-label data").
    """
    strata = np.column_stack([positive, ~positive.any(axis=1)])  # (P, K + 1): to have no label is a label too
    rarest = _rarest(strata)
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata.sum(axis=0)[rarest[order]], kind="stable")]
    amount = np.column_stack([strata, images])  # (P, K + 2)
    missing = np.outer(list(shares.values()), amount.sum(axis=0))  # (sides, K + 2)
    sides = np.zeros(len(strata), dtype=int)
    for patient in order:
        # lexsort: the last key counts first
        sides[patient] = np.lexsort([missing[:, -1], missing[:, rarest[patient]]])[-1]
        missing[sides[patient]] -= amount[patient]
    return np.array(list(shares))[sides]
