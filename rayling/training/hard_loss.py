"""The hard loss, in a file of its own: an edit of the distillation losses must not retrain the teacher."""

import torch
from torch.nn import functional as F

from rayling.networks.feature_maps import Outputs
from rayling.runtime import distributed
from rayling.runtime.loader import Batch


def hard_bce(*, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy over the known labels (paper, section 3): (B, K), labels 1, 0 or NaN -> scalar.

    A NaN label does not count. The mean is over the known labels, zero if there is none: where few rows are labelled,
    each counts for more.
    """
    return _summed_bce(logits, labels) / known_per_process(labels)


def dev_bce(*, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The same for labels of which every process has all: (N, K) -> scalar."""
    return _summed_bce(logits, labels) / (~labels.isnan()).sum().clamp(min=1)


def _summed_bce(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    loss = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    return (loss * ~labels.isnan()).sum()


def known_per_process(labels: torch.Tensor) -> torch.Tensor:
    """Known labels of the batch per process, averaged over the processes; `labels` (B, K) are one process's shard.

    DistributedDataParallel averages the gradients of the processes. Divided by this number, their average is that of
    the mean over all known labels. Divided by its own number, a process with few known labels would weigh them more.
    """
    known = (~labels.isnan()).sum().float()
    return distributed.mean_over_processes(known).clamp(min=1 / distributed.world_size())


def hard_loss(outputs: Outputs, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of a network that learns from hard labels alone: the total, and its one part by name."""
    total = hard_bce(logits=outputs.logits, labels=batch.labels)
    return total, {"hard": total}
