"""The distillation losses of assistant and student: pure functions of tensors, zero where both networks agree.

Shapes: B batch, K labels, C channels (C_s of the student, C_t of the teacher), g grid, P directions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

from rayling.runtime import hardware


def weighted_sum(parts: Mapping[str, torch.Tensor], weights: Mapping[str, float]) -> torch.Tensor:
    """The total loss (paper, section 3): the sum of the `parts` (scalars by name), each times its weight."""
    return sum(weights[name] * part for name, part in parts.items())


def mean_over_levels(
    distance: Callable[..., torch.Tensor], *, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor]
) -> torch.Tensor:
    """The mean over the levels of a `distance` between feature maps: lists of (B, C, g, g) -> scalar.

    Raises ValueError if the networks have different numbers of levels.
    """
    return torch.stack([distance(student=s, teacher=t) for s, t in zip(student, teacher, strict=True)]).mean()


def soft_bce(*, student: torch.Tensor, teacher: torch.Tensor, temperature: int, softening: str) -> torch.Tensor:
    """Binary cross-entropy to the teacher's soft labels at temperature T, times T²: logits (B, K) -> scalar.

    The entropy of the soft labels is subtracted, so that the loss is zero where both networks agree. `softening` is
    `softmax` over the labels (the paper's choice, section 3, although CheXpert's labels do not exclude one another) or
    `sigmoid` of each label. The factor T² is there because the gradients of soft labels scale as 1/T² (Hinton et al.
    2015, section 2).
    """
    log_p, log_not_p = _log_probabilities(student / temperature, softening)
    log_q, log_not_q = _log_probabilities(teacher / temperature, softening)
    divergence = log_q.exp() * (log_q - log_p) + log_not_q.exp() * (log_not_q - log_not_p)
    return divergence.mean() * temperature**2


def _log_probabilities(logits: torch.Tensor, softening: str) -> tuple[torch.Tensor, torch.Tensor]:
    """log p and log (1 - p), finite for finite logits."""
    if softening == "sigmoid":
        return F.logsigmoid(logits), F.logsigmoid(-logits)
    log_p = logits.log_softmax(1)
    # 1 - p as the sum over the other labels, because 1 - exp(log p) would lose every digit near p = 1
    others = logits[:, None, :].masked_fill(torch.eye(logits.shape[1], dtype=bool, device=logits.device), -torch.inf)
    return log_p, others.logsumexp(2) - logits.logsumexp(1, keepdim=True)


def feature_kl(*, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL divergence between two attention maps: (B, C_s, g, g), (B, C_t, g, g) -> scalar.

    An attention map is the mean squared activation over the channels, as a distribution over the g·g cells, whatever
    the number of channels. The paper (section 3) does not say how it compares maps of different shape; this is our
    choice.
    """
    log_p, log_q = _log_attention(student), _log_attention(teacher)
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)


def _log_attention(features: torch.Tensor) -> torch.Tensor:
    energy = features.square().mean(1).flatten(1) + 1e-6  # (B, g·g); the logarithm of an all-zero cell is finite
    return energy.log() - energy.sum(1, keepdim=True).log()


def sliced_wasserstein(*, student: torch.Tensor, teacher: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Mean 1-Wasserstein distance along directions: (B, C_s, g, g), (B, C_t, g, g), (P, g·g) unit vectors -> scalar.

    Each channel is a point in R^(g·g), so a feature map is a cloud of C points. In one dimension sorting gives the
    optimal transport (Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters"); clouds of different size are
    matched by their quantiles. No learned projection is needed. The paper (section 3) names the Wasserstein distance
    but not the points between which it is computed; this is our choice.
    """
    student = directions @ student.flatten(2).mT  # (B, P, C_s)
    teacher = directions @ teacher.flatten(2).mT  # (B, P, C_t)
    return _wasserstein(student, teacher)


def activation_wasserstein(*, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean 1-Wasserstein distance of all activations: (B, C_s, g, g), (B, C_t, g, g) -> scalar.

    The map of each image is a distribution of C·g·g numbers, whatever their channel and cell. This is another reading
    of the paper (section 3).
    """
    return _wasserstein(student.flatten(1), teacher.flatten(1))


def _wasserstein(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The mean 1-Wasserstein distance of points on a line: (..., n), (..., m) -> scalar."""
    n, m, student, teacher = student.shape[-1], teacher.shape[-1], _ordered(student), _ordered(teacher)
    if m % n == 0:  # each of the n is matched to m / n others: a third of the time of the general case below
        return (student[..., None] - teacher.unflatten(-1, (n, m // n))).abs().mean()
    of_student, of_teacher, width = _quantiles(n, m, student.device)
    gap = (student.index_select(-1, of_student) - teacher.index_select(-1, of_teacher)).abs()
    return (gap * width).sum(-1).mean()


def _ordered(points: torch.Tensor) -> torch.Tensor:
    """Sorted along the last axis, on a CPU by NumPy, in a third of torch's time (docs/log/training-speed.md)."""
    if points.device.type != "cpu":
        return points.sort(-1).values
    if not points.requires_grad:
        return torch.from_numpy(np.sort(points.numpy(), -1))
    order = points.detach().numpy().argsort(-1)
    return points.gather(-1, torch.from_numpy(order))


@cache
def _quantiles(n: int, m: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The common steps of the quantile functions of n and m points: for each step both indices and its width."""
    steps = torch.cat([torch.arange(n) * m, torch.arange(m) * n]).unique()  # in units of 1 / (n·m): exact
    ends = torch.cat([steps[1:], steps.new_tensor([n * m])])
    of_n, of_m, width = steps // m, steps // n, (ends - steps) / (n * m)
    return of_n.to(device), of_m.to(device), width.to(device)


def unit_directions(count: int, dimensions: int, *, device: torch.device | str = "cpu") -> torch.Tensor:
    """Random unit vectors (count, dimensions), drawn from torch's global generator on the CPU for every device."""
    drawn = hardware.to_device(torch.randn(count, dimensions), torch.device(device))
    return F.normalize(drawn, dim=1)
