"""The loss on hard labels, in a file of its own: an edit of the distillation losses must not retrain the teacher."""

import torch
from torch.nn import functional as F

from rayling.networks.feature_maps import Outputs
from rayling.runtime import distributed
from rayling.runtime.loader import Batch
from rayling.training.optimisation import Loss


def bce(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Binary cross-entropy (paper, section 3), summed over the known labels, and their number: (B, K) -> scalars."""
    known = ~labels.isnan()
    loss = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (loss * known).sum(), known.sum()


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax cross-entropy, summed over the rows whose class is known, and their number: (B, K) -> scalars.

    For classes that exclude one another. A row without a positive label has no say.
    """
    known, target = (labels == 1).any(1), (labels == 1).float().argmax(1)
    loss = F.cross_entropy(logits, target, reduction="none")
    return (loss * known).sum(), known.sum()


KINDS = {"bce": bce, "cross_entropy": cross_entropy}


def mean_loss(kind: str, *, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss of this `kind` as a mean over what is known of a batch: (B, K), labels 1, 0 or NaN -> scalar.

    A NaN label does not count. The mean is zero if nothing is known: where few rows are labelled, each counts for more.
    """
    total, known = KINDS[kind](logits, labels)
    return total / per_process(known)


def loss_on_dev(kind: str, *, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The same for labels of which every process has all: (N, K) -> scalar."""
    total, known = KINDS[kind](logits, labels)
    return total / known.clamp(min=1)


def per_process(known: torch.Tensor) -> torch.Tensor:
    """How much is known of the batch, per process, averaged over the processes; `known` is that of one process's shard.

    DistributedDataParallel averages the gradients of the processes. Divided by this number, their average is that of
    the mean over all known labels. Divided by its own number, a process with few known labels would weigh them more.
    """
    return distributed.mean_over_processes(known.float()).clamp(min=1 / distributed.world_size())


def hard_loss(kind: str) -> Loss:
    """The loss of a network that learns from hard labels alone: the total, and its one part by name."""

    def loss(outputs: Outputs, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        total = mean_loss(kind, logits=outputs.logits, labels=batch.labels)
        return total, {"hard": total}

    return loss
