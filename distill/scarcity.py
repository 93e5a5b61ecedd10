"""Few labels, many images: hide the hard labels of most train patients, as if nobody had read their films."""

import numpy as np
import pandas as pd

from distill.splits import rarest_label


def hidden(train: pd.DataFrame, *, labels: list[str], fraction: float, seed: int) -> pd.Series:
    """Whether the labels of each row of `train` are to be hidden, bool, so that `fraction` of the patients keep theirs.

    `train` has `group` (all films of a patient) and a column a label, 1, 0 or NaN. Stratified over each group's rarest
    label; who is labelled at 5 % is also at 10 %. The outcome depends on the seed and not on the order of rows.
    """
    groups = (train[labels] == 1).groupby(train["group"]).any()  # sorted
    strata = rarest_label(np.column_stack([groups, ~groups.any(axis=1)]))
    drawn = pd.Series(np.random.default_rng(seed).permutation(len(groups)), groups.index).groupby(strata)
    place = (drawn.rank() - 1) / drawn.transform("size")  # in [0, 1) within each stratum, whose first always is in
    return train["group"].map(place >= fraction)
