"""Few labels, many images: hide the hard labels of most train patients, as if nobody had read their films."""

import numpy as np
import pandas as pd

from distill.errors import BadInput
from distill.splits import rarest_label


def hide(table: pd.DataFrame, *, labels: list[str], fraction: float, seed: int) -> pd.DataFrame:
    """`table` without the labels of all but `fraction` of the train patients, as `hidden` chooses them.

    Beside the columns of `hidden` it has `split`, `left_out` and `digest`. Raises `BadInput` where a label is then
    known to be present, or to be absent, in no train image.
    """
    in_train = (table["left_out"] == "") & (table["split"] == "train")
    unread = hidden(table[in_train], labels=labels, fraction=fraction, seed=seed)
    films = table.loc[unread.index[unread], "digest"]
    # not of the kept film alone: its copies, which are left out but listed, would tell
    told = table.assign(**table[labels].mask(table["digest"].isin(films)))
    for label in labels:
        for answer, what in ((1, "with"), (0, "without")):
            if not (told.loc[in_train, label] == answer).any():
                raise BadInput(f"data.labelled_fraction: {fraction} leaves no train image known to be {what} {label!r}")
    return told


def hidden(train: pd.DataFrame, *, labels: list[str], fraction: float, seed: int) -> pd.Series:
    """Whether the labels of each row of `train` are to be hidden, bool, so that `fraction` of the patients keep theirs.

    `train` has `group` (all films of a patient) and a column a label, 1, 0 or NaN. Stratified over each group's rarest
    label, rounded up there, so that the rarest has a patient left; who is labelled at 5 % is also at 10 %. The outcome
    depends on the seed and not on the order of rows.
    """
    groups = (train[labels] == 1).groupby(train["group"]).any()  # sorted
    strata = rarest_label(np.column_stack([groups, ~groups.any(axis=1)]))
    drawn = pd.Series(np.random.default_rng(seed).permutation(len(groups)), groups.index).groupby(strata)
    place = (drawn.rank() - 1) / drawn.transform("size")  # in [0, 1) within each stratum, whose first always is in
    return train["group"].map(place >= fraction)
