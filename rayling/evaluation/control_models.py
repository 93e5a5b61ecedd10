"""What the control models see of an image: its border, or the source that it comes from.

A control that sees only the border scores high where labels can be predicted without heart and lungs. Maguolo and Nanni
2021 (arXiv 2004.12823) predicted COVID-19 from X-rays whose middle was black, because the classes came from different
hospitals. Here the network hides the middle, not the data, so that it is trained and run like every other network.

A control that predicts the source, or labels from the source alone, shows whether the source gives the labels away.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from rayling.storage.prepared import Split

# Share of the width on each side: enough for letters, collimation, padding and the outline of the body, which give a
# source away. It covers 3 % of the phantom's lungs; 0.15 would cover 13 %, and a control could see findings.
BORDER = 0.1


def border_width(size: int) -> int:
    """The width in pixels of the border of an image of `size` × `size` pixels, at least 1."""
    return max(1, round(BORDER * size))


def border_only(images: torch.Tensor) -> torch.Tensor:
    """A copy of normalised images (B, 1, H, H) with 0, the mean of train, everywhere but on the border."""
    width, hidden = border_width(images.shape[-1]), images.clone()
    hidden[..., width:-width, width:-width] = 0
    return hidden


class BorderOnly(nn.Module):
    """A network that sees the border of the images only.

    In training that is the border of a view, so a little of what lies inside moves into it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The outputs of the network for the border of images (B, 1, H, H)."""
        return self.network(border_only(images))


def source_names(train: Split) -> list[str]:
    """The sources of the train images that have a known label, in alphabetical order.

    The others, which are unlabelled, have no image in dev and test.
    """
    labelled = ~np.isnan(train.labels).all(axis=1)
    return sorted(set(train.source[labelled].tolist()))


def source_labels(split: Split, sources: list[str]) -> Split:
    """The split with a label (1 or 0) for each of the S `sources` instead of its own: `labels` (N, S) float32.

    Two sources are two labels, each predicted for itself: with one, F1 would depend on which of them is called
    positive. All labels of an image from another source are 0.
    """
    labels = (split.source[:, None] == np.array(sources)).astype(np.float32)
    return replace(split, labels=labels, names=sources, exclusive=False)


def source_prevalence(train: Split, split: Split) -> np.ndarray:
    """The probabilities (N, K) of a model that predicts the labels of each image of `split` from its source alone.

    They are the prevalence of each label among the train images of the same source, or among all train images where
    that is unknown.
    """
    sources, shares = source_names(train), [_prevalence(train.labels)]
    for source in sources:
        share = _prevalence(train.labels[train.source == source])
        shares.append(np.where(np.isnan(share), shares[0], share))
    place = {source: row for row, source in enumerate(sources, 1)}
    return np.array(shares)[[place.get(source, 0) for source in split.source.tolist()]]


def _prevalence(labels: np.ndarray) -> np.ndarray:
    """The share (K,) of positives among the known entries of each label; NaN where none is known."""
    known = (~np.isnan(labels)).sum(axis=0)
    return np.where(known > 0, (labels == 1).sum(axis=0) / np.maximum(known, 1), np.nan)
