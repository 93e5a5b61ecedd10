"""What assistant and student minimise: pure functions over tensors, zero where student and teacher agree.

Shapes: B batch, K labels, C channels (C_s of the student, C_t of the teacher), g grid, P directions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
from torch.nn import functional as F

from distill import runtime
from distill.hard_loss import hard_bce, known_of_all

Outputs = tuple[torch.Tensor, Sequence[torch.Tensor]]  # logits (B, K), feature maps of three levels (B, C, g, g)


def distillation(
    *,
    student: Outputs,
    teacher: Outputs | None,
    labels: torch.Tensor,
    temperature: int,
    softening: str,
    feature_distance: Callable[..., torch.Tensor],
    weights: Mapping[str, float],
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The weighted sum of hard, soft and feature loss, and its parts by name (paper, section 3).

    `teacher` is None where there is nothing to learn from but the labels (B, K) of 1, 0 and NaN.
    `feature_distance` compares one level: `feature_kl` for the assistant, `sliced_wasserstein` for the student.
    """
    parts = {"hard": hard_bce(logits=student[0], labels=labels, count=known_of_all(labels))}
    if teacher is not None:
        parts["soft"] = soft_bce(student=student[0], teacher=teacher[0], temperature=temperature, softening=softening)
        levels = [feature_distance(student=s, teacher=t) for s, t in zip(student[1], teacher[1], strict=True)]
        parts["feature"] = torch.stack(levels).mean()
    total = sum(weights[name] * part for name, part in parts.items())
    return total, parts


def soft_bce(*, student: torch.Tensor, teacher: torch.Tensor, temperature: int, softening: str) -> torch.Tensor:
    """Binary cross-entropy at temperature T, less the target's own entropy, times T²: logits (B, K) -> scalar.

    `softening` is `softmax` over the labels (the paper's, section 3, although CheXpert's labels do not exclude
    one another) or `sigmoid` of each. Needs no hard label. T² because the gradients of soft targets scale as
    1/T² (Hinton et al. 2015, section 2).
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
    # 1 - p is the sum over the other labels: taken directly, as 1 - exp(log p) would lose every digit near p = 1
    others = logits[:, None, :].masked_fill(torch.eye(logits.shape[1], dtype=bool, device=logits.device), -torch.inf)
    return log_p, others.logsumexp(2) - logits.logsumexp(1, keepdim=True)


def feature_kl(*, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL divergence between where teacher and assistant look: (B, C_s, g, g), (B, C_t, g, g) -> scalar.

    The mean squared activation over channels is a distribution over the g·g cells, whatever the number of
    channels. The paper (section 3) does not say how it compares maps of different shape; this is our choice.
    """
    log_p, log_q = _log_attention(student), _log_attention(teacher)
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)


def _log_attention(features: torch.Tensor) -> torch.Tensor:
    energy = features.square().mean(1).flatten(1) + 1e-6  # (B, g·g); a dead cell has a finite logarithm
    return energy.log() - energy.sum(1, keepdim=True).log()


def sliced_wasserstein(*, student: torch.Tensor, teacher: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Mean 1-Wasserstein distance along directions: (B, C_s, g, g), (B, C_t, g, g), (P, g·g) unit vectors -> scalar.

    Each channel is a point in R^(g·g), a feature map is a cloud of C points. In one dimension the optimal
    transport sorts (Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters"); clouds of different size
    are matched by their quantiles. No projection to learn and throw away. The paper (section 3) names the
    Wasserstein distance and not what it is taken over; this is our choice.
    """
    student = directions @ student.flatten(2).mT  # (B, P, C_s)
    teacher = directions @ teacher.flatten(2).mT  # (B, P, C_t)
    return _wasserstein(student, teacher)


def activation_wasserstein(*, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean 1-Wasserstein distance of all activations: (B, C_s, g, g), (B, C_t, g, g) -> scalar.

    Each image's map is a distribution of C·g·g numbers, whatever their channel and place. The other reading of the
    paper (section 3).
    """
    return _wasserstein(student.flatten(1), teacher.flatten(1))


def _wasserstein(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The mean 1-Wasserstein distance of points on a line: (..., n), (..., m) -> scalar."""
    n, m, student, teacher = student.shape[-1], teacher.shape[-1], _ordered(student), _ordered(teacher)
    if m % n == 0:  # each of the n meets m / n of the others; a third of the time of what follows (LOG.md)
        return (student[..., None] - teacher.unflatten(-1, (n, m // n))).abs().mean()
    of_student, of_teacher, width = _quantiles(n, m, student.device)
    gap = (student.index_select(-1, of_student) - teacher.index_select(-1, of_teacher)).abs()
    return (gap * width).sum(-1).mean()


def _ordered(points: torch.Tensor) -> torch.Tensor:
    """Sorted along the last axis. NumPy's sort takes a third of the time of torch's on a CPU (LOG.md)."""
    if points.device.type != "cpu":
        return points.sort(-1).values
    if not points.requires_grad:
        return torch.from_numpy(np.sort(points.numpy(), -1))
    order = points.detach().numpy().argsort(-1)
    return points.gather(-1, torch.from_numpy(order))


@cache
def _quantiles(n: int, m: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The steps of both quantile functions laid over one another: which point of n, which of m, how wide."""
    steps = torch.cat([torch.arange(n) * m, torch.arange(m) * n]).unique()  # in units of 1 / (n·m): exact
    ends = torch.cat([steps[1:], steps.new_tensor([n * m])])
    of_n, of_m, width = steps // m, steps // n, (ends - steps) / (n * m)
    return of_n.to(device), of_m.to(device), width.to(device)


def unit_directions(count: int, dimensions: int, *, device: torch.device | str = "cpu") -> torch.Tensor:
    """Random unit vectors (count, dimensions), drawn from torch's global generator, whatever the device."""
    drawn = runtime.sent(torch.randn(count, dimensions), torch.device(device))
    return F.normalize(drawn, dim=1)
