"""The hard loss alone, so that a change to the distillation losses leaves the teacher as it is."""

import torch
from torch.nn import functional as F


def hard_bce(*, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy over the known labels (paper, section 3): (B, K), labels 1, 0 or NaN -> scalar.

    A NaN label has no say; the mean is over the labels that are known, zero if there is none: where few rows are
    labelled, each counts for more.
    """
    known = ~labels.isnan()
    loss = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


def from_labels(outputs: tuple, *, labels: torch.Tensor, **_) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss, as `fit.fit` takes it, of a network that learns from hard labels alone: the total and its one part."""
    total = hard_bce(logits=outputs[0], labels=labels)
    return total, {"hard": total}
