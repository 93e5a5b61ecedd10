"""The hard loss alone, so that a change to the distillation losses leaves the teacher as it is."""

import torch
from torch.nn import functional as F

from distill import processes
from distill.batches import Batch


def hard_bce(*, logits: torch.Tensor, labels: torch.Tensor, count: torch.Tensor | None = None) -> torch.Tensor:
    """Binary cross-entropy over the known labels (paper, section 3): (B, K), labels 1, 0 or NaN -> scalar.

    A NaN label has no say; the mean is over the labels that are known, zero if there is none: where few rows are
    labelled, each counts for more. `count` is what `known_of_all` gives, for several processes.
    """
    known = ~labels.isnan()
    count = known.sum().clamp(min=1) if count is None else count
    loss = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (loss * known).sum() / count


def known_of_all(labels: torch.Tensor) -> torch.Tensor:
    """Of the known labels in the batch of all processes, of which `labels` (B, K) are one's share, the mean a process.

    Divided by it, the losses of the processes have the mean over all known labels for their mean, which is what
    `processes.in_step` makes of their gradients. Each by its own number, a process with few would weigh them more.
    """
    return processes.mean((~labels.isnan()).sum().float()).clamp(min=1 / processes.count())


def from_labels(outputs: tuple, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss, as `fit.fit` takes it, of a network that learns from hard labels alone: the total and its one part."""
    total = hard_bce(logits=outputs[0], labels=batch.labels, count=known_of_all(batch.labels))
    return total, {"hard": total}
