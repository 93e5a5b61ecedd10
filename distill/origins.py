"""Where an image comes from, as a label that can be learnt, and as all that is known of it."""

from dataclasses import replace

import numpy as np

from distill.prepared import Split


def names(train: Split) -> list[str]:
    """The sources that train has, in alphabetical order."""
    return sorted(set(train.source.tolist()))


def as_labels(split: Split, sources: list[str]) -> Split:
    """The split with a label (1 or 0) for each of the S `sources` instead of its own: `labels` (N, S) float32.

    Two sources are two labels as well: with one, F1 would depend on which of them is called positive. An image from
    another source has none of them.
    """
    return replace(split, labels=(split.source[:, None] == np.array(sources)).astype(np.float32), names=sources)


def told(train: Split, split: Split) -> np.ndarray:
    """What one would say of `split` who knew nothing of an image but its source: probabilities (N, K).

    A label's share among train's images of the same source, where it is known; among all where none is.
    """
    sources, shares = names(train), [_share(train.labels)]
    for source in sources:
        share = _share(train.labels[train.source == source])
        shares.append(np.where(np.isnan(share), shares[0], share))
    place = {source: row for row, source in enumerate(sources, 1)}
    return np.array(shares)[[place.get(source, 0) for source in split.source.tolist()]]


def _share(labels: np.ndarray) -> np.ndarray:
    """The share (K,) of positives among the known; NaN where none is known."""
    known = (~np.isnan(labels)).sum(axis=0)
    return np.where(known > 0, (labels == 1).sum(axis=0) / np.maximum(known, 1), np.nan)
