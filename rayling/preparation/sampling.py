"""Which labels of train the networks see, and how many rows of which label an epoch has. No image is copied."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.preparation.splits import rarest_label


def hide_labels(table: pd.DataFrame, *, labels: list[str], fraction: float, seed: int) -> pd.DataFrame:
    """Return `table` without the labels of all train patients but the share `fraction`, as `hidden_patients` chooses.

    Uses the columns `split`, `left_out`, `unlabelled`, `digest` and `group`, and one per label. The share is that of
    the patients of labelled sources. Raises `BadInput` if train then has no positives, or no negatives, of a label.
    """
    in_train = (table["left_out"] == "") & (table["split"] == "train") & ~table["unlabelled"]
    hidden = hidden_patients(table[in_train], labels=labels, fraction=fraction, seed=seed)
    digests = table.loc[hidden.index[hidden], "digest"]
    # By digest, so that copies, which are left out but listed, do not reveal the labels.
    table = table.assign(**table[labels].mask(table["digest"].isin(digests)))
    for label in labels:
        for value, what in ((1, "with"), (0, "without")):
            if not (table.loc[in_train, label] == value).any():
                raise BadInput(f"data.labelled_fraction: {fraction} leaves no train image known to be {what} {label!r}")
    return table


def hidden_patients(train: pd.DataFrame, *, labels: list[str], fraction: float, seed: int) -> pd.Series:
    """Return which rows of `train` lose their labels, bool, so that the share `fraction` of the patients keeps them.

    `train` has `group` (all images of a patient) and one column per label, 1, 0 or NaN. Stratified over each group's
    rarest label, rounded up, so that the rarest label keeps a patient. Patients who keep their labels at 5 % also keep
    them at 10 %. The outcome depends on the seed and not on the order of rows.
    """
    groups = (train[labels] == 1).groupby(train["group"]).any()  # sorted
    strata = rarest_label(np.column_stack([groups, ~groups.any(axis=1)]))
    drawn = pd.Series(np.random.default_rng(seed).permutation(len(groups)), groups.index).groupby(strata)
    place = (drawn.rank() - 1) / drawn.transform("size")  # in [0, 1) within each stratum; the first is always 0
    return train["group"].map(place >= fraction)


def strata(
    labels: np.ndarray,
    *,
    names: list[str],
    counts: Mapping[str, int],
    ratios: Mapping[str, float],
    labelled_fraction: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the stratum of each row, int64 (N,), and how many rows of each an epoch has, int64 (S,).

    `labels` is (N, K) of 1, 0 or NaN, with the names `names`. `counts` are the rows wanted of a label; `ratios` are the
    same as a multiple of the rows of the commonest label. Each of these labels has a stratum, in the order of `names`;
    a row with several of them belongs to the rarest alone. The last stratum is of the rows with none of them, each of
    which an epoch has once. If only the share `labelled_fraction` of the labels is known, that share of the `counts` is
    wanted, so that the mix of labels stays the same. Raises `BadInput` for an unknown name, a label in both, and one
    without rows.
    """
    targets = _targets(labels, names=names, counts=counts, ratios=ratios, labelled_fraction=labelled_fraction)
    balanced = [name for name in names if name in targets]
    rarest = rarest_label(labels[:, [names.index(name) for name in balanced]] == 1)
    stratum = np.where(rarest < 0, len(balanced), rarest)
    rows = np.bincount(stratum, minlength=len(balanced) + 1)
    for name, count in zip(balanced, rows[:-1], strict=True):
        if not count:
            raise BadInput(f"balance: found no row for {name!r}, expected one without a rarer target")
    return stratum, np.array([*(targets[name] for name in balanced), rows[-1]])


def _targets(
    labels: np.ndarray, *, names: list[str], counts: Mapping, ratios: Mapping, labelled_fraction: float
) -> dict[str, int]:
    """Return the number of rows wanted of each label that has a target."""
    for name, wanted in [*counts.items(), *ratios.items()]:
        if name not in names:
            raise BadInput(f"balance: found {name!r}, expected one of {', '.join(names)}")
        if not wanted > 0:
            raise BadInput(f"balance: found {wanted} for {name!r}, expected a number above 0")
        if name in counts and name in ratios:
            raise BadInput(f"balance: found {name!r} in counts and in ratios, expected it in one")
    commonest = int((labels == 1).sum(axis=0).max())
    wanted = {name: labelled_fraction * count for name, count in counts.items()}
    wanted |= {name: ratio * commonest for name, ratio in ratios.items()}
    return {name: max(1, round(rows)) for name, rows in wanted.items()}
