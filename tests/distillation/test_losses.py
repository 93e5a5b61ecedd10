"""The losses against mathematics, SciPy, POT and slow references."""

import math
from functools import partial

import numpy as np
import ot
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from rayling.distillation.losses import (
    activation_wasserstein,
    feature_kl,
    mean_over_levels,
    sliced_wasserstein,
    soft_bce,
    unit_directions,
    weighted_sum,
)

SOFTENINGS = ["sigmoid", "softmax"]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def maps(channels: int, *, batch: int = 3, grid: int = 4, dtype=torch.float32) -> torch.Tensor:
    """Random feature maps (B, C, g, g)."""
    return torch.randn(batch, channels, grid, grid, dtype=dtype)


SIXTEEN = partial(unit_directions, 5, 16)
AGREEING = {
    "soft sigmoid": (partial(soft_bce, temperature=20, softening="sigmoid"), lambda: torch.randn(4, 5)),
    "soft softmax": (partial(soft_bce, temperature=20, softening="softmax"), lambda: torch.randn(4, 5)),
    "kl": (feature_kl, lambda: maps(6)),
    "wasserstein of activations": (activation_wasserstein, lambda: maps(6)),
    "wasserstein": (lambda **both: sliced_wasserstein(**both, directions=SIXTEEN()), lambda: maps(6)),
}


@pytest.mark.parametrize("name", AGREEING)
def test_a_loss_is_zero_where_student_and_teacher_agree_and_else_positive(name):
    loss, draw = AGREEING[name]
    teacher, other = draw(), draw()
    assert loss(student=teacher.clone(), teacher=teacher).item() == pytest.approx(0, abs=1e-4)
    assert loss(student=other, teacher=teacher).item() > 0.01


@pytest.mark.parametrize("name", AGREEING)
@pytest.mark.parametrize("agree", [True, False])
def test_the_gradient_of_a_loss_is_finite(name, agree):
    loss, draw = AGREEING[name]
    teacher = draw()
    student = (teacher.clone() if agree else draw()).requires_grad_()
    loss(student=student, teacher=teacher).backward()
    assert student.grad.isfinite().all()
    assert agree or student.grad.abs().sum() > 0


@pytest.mark.parametrize("temperature", [1, 5, 20])
def test_soft_sigmoid_is_cross_entropy_to_softened_targets_less_their_entropy_times_t_squared(temperature):
    student, teacher = 5 * torch.randn(2, 6, 7, dtype=torch.float64)
    p, q = (student / temperature).sigmoid(), (teacher / temperature).sigmoid()
    expected = (F.binary_cross_entropy(p, q) - F.binary_cross_entropy(q, q)) * temperature**2
    found = soft_bce(student=student, teacher=teacher, temperature=temperature, softening="sigmoid")
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("temperature", [1, 5, 20])
def test_soft_softmax_is_what_a_loop_over_the_entries_gives(temperature):
    student, teacher = (5 * np.random.default_rng(seed).standard_normal((6, 7)) for seed in (0, 1))
    losses = []
    for s, t in zip(student / temperature, teacher / temperature, strict=True):
        for p, q in zip(np.exp(s) / np.exp(s).sum(), np.exp(t) / np.exp(t).sum(), strict=True):
            cross = -q * math.log(p) - (1 - q) * math.log(1 - p)
            entropy = -q * math.log(q) - (1 - q) * math.log(1 - q)
            losses.append(cross - entropy)
    both = {"student": torch.from_numpy(student).float(), "teacher": torch.from_numpy(teacher).float()}
    found = soft_bce(**both, temperature=temperature, softening="softmax")
    assert found.item() == pytest.approx(np.mean(losses) * temperature**2, rel=1e-3)


@pytest.mark.parametrize("softening", SOFTENINGS)
def test_the_gradient_of_the_soft_loss_keeps_its_size_from_temperature_1_to_30(softening):
    teacher, norms = torch.randn(8, 5), []
    for temperature in (1, 2, 5, 10, 20, 30):
        student = torch.zeros(8, 5, requires_grad=True)
        soft_bce(student=student, teacher=teacher, temperature=temperature, softening=softening).backward()
        norms.append(student.grad.norm().item())
    assert max(norms) / min(norms) < 3  # without T² it would be about 900
    assert norms[-1] == pytest.approx(norms[-2], rel=0.05)


@pytest.mark.parametrize("softening", SOFTENINGS)
@pytest.mark.parametrize("temperature", [1, 20])
def test_the_soft_loss_is_finite_for_logits_of_200(softening, temperature):
    student = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    loss = soft_bce(student=student, teacher=-student.detach(), temperature=temperature, softening=softening)
    loss.backward()
    assert 0 < loss.item() < math.inf
    assert student.grad.isfinite().all()


def attention(weights: np.ndarray) -> torch.Tensor:
    """One map whose energy over the cells is the distribution `weights` (cells,)."""
    side = math.isqrt(len(weights))
    return torch.from_numpy(np.sqrt(1e4 * weights)).reshape(1, 1, side, side)


def test_feature_kl_is_the_divergence_of_scipy():
    p, q = np.random.default_rng(0).dirichlet(np.ones(16), 2)
    found = feature_kl(student=attention(p), teacher=attention(q)).item()
    assert found == pytest.approx(stats.entropy(q, p), rel=1e-5)
    assert found != pytest.approx(stats.entropy(p, q), rel=1e-2)  # the teacher is the reference


def test_feature_kl_is_the_mean_over_images():
    student, teacher = maps(6), maps(9)
    each = [feature_kl(student=student[n : n + 1], teacher=teacher[n : n + 1]).item() for n in range(3)]
    assert feature_kl(student=student, teacher=teacher).item() == pytest.approx(np.mean(each), rel=1e-5)


def test_feature_kl_does_not_depend_on_number_order_and_sign_of_channels():
    student, teacher = maps(6), maps(9)
    expected = feature_kl(student=student, teacher=teacher).item()
    changed = torch.cat([student.flip(1), -student], 1)
    assert feature_kl(student=changed, teacher=teacher.roll(2, 1)).item() == pytest.approx(expected, rel=1e-5)


def test_feature_kl_of_a_map_of_zeros_is_finite():
    student = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = feature_kl(student=student, teacher=maps(3, batch=2))
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


def clouds(n: int, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two maps of one image, of n and m channels on a 4 × 4 grid, in double precision."""
    return maps(n, batch=1, dtype=torch.float64), 2 * maps(m, batch=1, dtype=torch.float64) + 0.3


@pytest.mark.parametrize(("n", "m"), [(64, 64), (64, 200), (200, 64), (7, 5), (1, 9)])
def test_sliced_wasserstein_along_one_direction_is_the_distance_of_scipy(n, m):
    student, teacher = clouds(n, m)
    direction = unit_directions(1, 16).double()
    expected = stats.wasserstein_distance(
        (student.flatten(2) @ direction.T).flatten().numpy(), (teacher.flatten(2) @ direction.T).flatten().numpy()
    )
    found = sliced_wasserstein(student=student, teacher=teacher, directions=direction)
    assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(64, 64), (64, 200), (128, 1024)])
def test_sliced_wasserstein_along_many_directions_is_the_distance_of_pot(n, m):
    student, teacher = clouds(n, m)
    directions = unit_directions(20, 16).double()
    points = student[0].flatten(1).numpy(), teacher[0].flatten(1).numpy()
    expected = ot.sliced_wasserstein_distance(*points, p=1, projections=directions.T.numpy())
    found = sliced_wasserstein(student=student, teacher=teacher, directions=directions)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_the_distance_of_shifted_channels_is_the_mean_length_of_the_shift_along_the_directions():
    teacher, shift, directions = maps(6), torch.randn(4, 4), unit_directions(20, 16)
    found = sliced_wasserstein(student=teacher + shift, teacher=teacher, directions=directions)
    assert found.item() == pytest.approx((directions @ shift.flatten()).abs().mean().item(), rel=1e-5)


def test_sliced_wasserstein_does_not_depend_on_order_and_repetition_of_channels():
    student, teacher, directions = maps(6), maps(9), unit_directions(20, 16)
    expected = sliced_wasserstein(student=student, teacher=teacher, directions=directions).item()
    for same in (student[:, torch.randperm(6)], student.repeat(1, 3, 1, 1)):
        found = sliced_wasserstein(student=same, teacher=teacher, directions=directions)
        assert found.item() == pytest.approx(expected, rel=1e-5)


def test_sliced_wasserstein_is_the_mean_over_images():
    student, teacher, directions = maps(6), maps(9), unit_directions(20, 16)
    each = [
        sliced_wasserstein(student=student[n : n + 1], teacher=teacher[n : n + 1], directions=directions).item()
        for n in range(3)
    ]
    found = sliced_wasserstein(student=student, teacher=teacher, directions=directions)
    assert found.item() == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize(("n", "m"), [(4, 4), (4, 10), (7, 3)])
def test_activation_wasserstein_is_the_mean_over_images_of_the_distance_of_scipy(n, m):
    student, teacher = maps(n, dtype=torch.float64), 2 * maps(m, dtype=torch.float64) + 0.3
    each = [
        stats.wasserstein_distance(s.flatten().numpy(), t.flatten().numpy())
        for s, t in zip(student, teacher, strict=True)
    ]
    found = activation_wasserstein(student=student, teacher=teacher)
    assert found.item() == pytest.approx(np.mean(each), rel=1e-6)
    moved = student.flatten(1)[:, torch.randperm(16 * n)].reshape(student.shape)  # cell and channel do not matter
    assert activation_wasserstein(student=moved, teacher=teacher).item() == pytest.approx(found.item(), rel=1e-6)


def test_directions_have_unit_length_and_mean_zero():
    directions = unit_directions(20_000, 4)
    assert torch.allclose(directions.norm(dim=1), torch.ones(20_000), atol=1e-6)
    assert directions.mean(0).abs().max() < 4.5 * 0.5 / math.sqrt(20_000)


def test_the_total_is_the_weighted_sum_of_the_parts():
    parts = {"hard": torch.tensor(2.0), "soft": torch.tensor(3.0), "feature": torch.tensor(5.0)}
    weights = {"hard": 1.0, "soft": 0.5, "feature": 3.0}
    assert weighted_sum(parts, weights).item() == 2 + 1.5 + 15
    assert weighted_sum({"hard": parts["hard"]}, weights).item() == 2  # a part that is missing counts for nothing


def test_a_part_without_a_weight_is_refused():
    with pytest.raises(KeyError):
        weighted_sum({"hard": torch.tensor(2.0), "other": torch.tensor(3.0)}, {"hard": 1.0})


def test_the_distance_of_several_levels_is_the_mean_of_theirs():
    student, teacher = [maps(4), maps(4), maps(8)], [maps(6), maps(10), maps(12)]
    each = [feature_kl(student=s, teacher=t).item() for s, t in zip(student, teacher, strict=True)]
    assert mean_over_levels(feature_kl, student=student, teacher=teacher).item() == pytest.approx(np.mean(each))


def test_a_teacher_with_fewer_levels_is_refused_and_not_compared_in_part():
    with pytest.raises(ValueError, match="shorter"):
        mean_over_levels(feature_kl, student=[maps(4), maps(4), maps(8)], teacher=[maps(6), maps(10)])
