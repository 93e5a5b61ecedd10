"""One balanced epoch of train: a list of row numbers. No image is copied."""

from collections.abc import Mapping

import numpy as np

from distill.errors import BadInput
from distill.splits import rarest_label


def epoch(
    labels: np.ndarray,
    *,
    names: list[str],
    counts: Mapping[str, int],
    ratios: Mapping[str, float],
    seed: int,
    share: float = 1.0,
) -> np.ndarray:
    """Sorted row numbers, int64 (M,), of `labels`, (N, K) of 1, 0 or NaN named `names`.

    `counts` are rows wanted of a label; `ratios` are the same as a multiple of the rows that the commonest label
    of all has. A row that has several of these labels counts for the rarest one alone, and a row with none is kept
    once. Fewer rows are drawn without replacement; for more, every row repeats equally often, give or take one.
    Where only a `share` of the labels is known, so much of the `counts` is wanted: the mix of labels stays as it is.
    Raises `BadInput` for an unknown name, a label that is in both, and one without rows.
    """
    targets = _targets(labels, names=names, counts=counts, ratios=ratios, share=share)
    columns = [column for column, name in enumerate(names) if name in targets]
    rarest = rarest_label(labels[:, columns] == 1)
    rows = [np.flatnonzero(rarest == -1)]
    for i, column in enumerate(columns):
        own, wanted = np.flatnonzero(rarest == i), targets[names[column]]
        if not len(own):
            raise BadInput(f"balance: found no row for {names[column]!r}, expected one without a rarer target")
        # Seeded by column, so that another target changes nothing here.
        rng = np.random.default_rng([seed, column])
        rows += [np.tile(own, wanted // len(own)), rng.choice(own, wanted % len(own), replace=False)]
    return np.sort(np.concatenate(rows)).astype(np.int64)


def _targets(labels: np.ndarray, *, names: list[str], counts: Mapping, ratios: Mapping, share: float) -> dict[str, int]:
    """The rows wanted of each label, all as counts."""
    for name, wanted in [*counts.items(), *ratios.items()]:
        if name not in names:
            raise BadInput(f"balance: found {name!r}, expected one of {', '.join(names)}")
        if not wanted > 0:
            raise BadInput(f"balance: found {wanted} for {name!r}, expected a number above 0")
        if name in counts and name in ratios:
            raise BadInput(f"balance: found {name!r} in counts and in ratios, expected it in one")
    commonest = int((labels == 1).sum(axis=0).max())
    wanted = {name: share * count for name, count in counts.items()}
    wanted |= {name: ratio * commonest for name, ratio in ratios.items()}
    return {name: max(1, round(rows)) for name, rows in wanted.items()}
