"""The losses against mathematics, SciPy, POT and slow references."""

import math
from functools import partial

import numpy as np
import ot
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from distill.hard_loss import hard_bce
from distill.losses import (
    activation_wasserstein,
    distillation,
    feature_kl,
    sliced_wasserstein,
    soft_bce,
    unit_directions,
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
def test_a_loss_is_zero_where_student_and_teacher_agree_and_positive_elsewhere(name):
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
def test_soft_softmax_is_what_counting_one_by_one_gives(temperature):
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


def test_feature_kl_is_indifferent_to_number_order_and_sign_of_channels():
    student, teacher = maps(6), maps(9)
    expected = feature_kl(student=student, teacher=teacher).item()
    changed = torch.cat([student.flip(1), -student], 1)
    assert feature_kl(student=changed, teacher=teacher.roll(2, 1)).item() == pytest.approx(expected, rel=1e-5)


def test_feature_kl_of_a_dead_map_is_finite():
    student = torch.zeros(2, 3, 4, 4, requires_grad=True)
    loss = feature_kl(student=student, teacher=maps(3, batch=2))
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


def clouds(n: int, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two maps of one image, of n and m channels on a 4 × 4 grid, in double precision."""
    return maps(n, batch=1, dtype=torch.float64), 2 * maps(m, batch=1, dtype=torch.float64) + 0.3


@pytest.mark.parametrize(("n", "m"), [(64, 64), (64, 200), (200, 64), (7, 5), (1, 9)])
def test_along_one_direction_it_is_the_wasserstein_distance_of_scipy(n, m):
    student, teacher = clouds(n, m)
    direction = unit_directions(1, 16).double()
    expected = stats.wasserstein_distance(
        (student.flatten(2) @ direction.T).flatten().numpy(), (teacher.flatten(2) @ direction.T).flatten().numpy()
    )
    found = sliced_wasserstein(student=student, teacher=teacher, directions=direction)
    assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(64, 64), (64, 200), (128, 1024)])
def test_along_many_directions_it_is_the_sliced_distance_of_pot(n, m):
    student, teacher = clouds(n, m)
    directions = unit_directions(20, 16).double()
    points = student[0].flatten(1).numpy(), teacher[0].flatten(1).numpy()
    expected = ot.sliced_wasserstein_distance(*points, p=1, projections=directions.T.numpy())
    found = sliced_wasserstein(student=student, teacher=teacher, directions=directions)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_shifting_every_channel_costs_the_mean_length_of_the_shift_along_the_directions():
    teacher, shift, directions = maps(6), torch.randn(4, 4), unit_directions(20, 16)
    found = sliced_wasserstein(student=teacher + shift, teacher=teacher, directions=directions)
    assert found.item() == pytest.approx((directions @ shift.flatten()).abs().mean().item(), rel=1e-5)


def test_the_order_of_channels_and_repeating_them_all_change_no_distance():
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
def test_over_all_activations_it_is_the_wasserstein_distance_of_scipy_image_by_image(n, m):
    student, teacher = maps(n, dtype=torch.float64), 2 * maps(m, dtype=torch.float64) + 0.3
    each = [
        stats.wasserstein_distance(s.flatten().numpy(), t.flatten().numpy())
        for s, t in zip(student, teacher, strict=True)
    ]
    found = activation_wasserstein(student=student, teacher=teacher)
    assert found.item() == pytest.approx(np.mean(each), rel=1e-6)
    moved = student.flatten(1)[:, torch.randperm(16 * n)].reshape(student.shape)  # place and channel do not count
    assert activation_wasserstein(student=moved, teacher=teacher).item() == pytest.approx(found.item(), rel=1e-6)


def test_directions_have_unit_length_and_no_preferred_side():
    directions = unit_directions(20_000, 4)
    assert torch.allclose(directions.norm(dim=1), torch.ones(20_000), atol=1e-6)
    assert directions.mean(0).abs().max() < 4.5 * 0.5 / math.sqrt(20_000)


def test_hard_bce_is_that_of_torch_where_all_labels_are_known():
    logits, labels = torch.randn(6, 4), (torch.rand(6, 4) < 0.5).float()
    expected = F.binary_cross_entropy_with_logits(logits, labels)
    assert hard_bce(logits=logits, labels=labels).item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_unknown_label_has_no_say_in_value_and_gradient():
    logits, labels = torch.randn(6, 4, requires_grad=True), (torch.rand(6, 4) < 0.5).float()
    unknown = torch.rand(6, 4) < 0.4
    loss = hard_bce(logits=logits, labels=labels.masked_fill(unknown, math.nan))
    loss.backward()
    expected = F.binary_cross_entropy_with_logits(logits[~unknown], labels[~unknown])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()


def test_without_a_known_label_the_hard_loss_and_its_gradient_are_zero():
    logits = torch.randn(6, 4, requires_grad=True)
    loss = hard_bce(logits=logits, labels=torch.full((6, 4), math.nan))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def told(**changed):
    """`distillation` of random outputs, three levels of unequal width."""
    student = torch.randn(3, 5), [maps(4), maps(4), maps(8)]
    teacher = torch.randn(3, 5), [maps(6), maps(10), maps(12)]
    given = {
        "student": student,
        "teacher": teacher,
        "labels": (torch.rand(3, 5) < 0.5).float(),
        "temperature": 20,
        "softening": "sigmoid",
        "feature_distance": feature_kl,
        "weights": {"hard": 1.0, "soft": 0.5, "feature": 3.0},
    } | changed
    return given, *distillation(**given)


def test_distillation_is_the_weighted_sum_of_its_named_parts():
    given, total, parts = told()
    (logits, levels), (other, of_other) = given["student"], given["teacher"]
    kl = [feature_kl(student=s, teacher=t).item() for s, t in zip(levels, of_other, strict=True)]
    soft = soft_bce(student=logits, teacher=other, temperature=20, softening="sigmoid").item()
    hard = hard_bce(logits=logits, labels=given["labels"]).item()
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(
        {"hard": hard, "soft": soft, "feature": np.mean(kl)}
    )
    assert total.item() == pytest.approx(hard + 0.5 * soft + 3 * np.mean(kl), rel=1e-5)


def test_without_a_teacher_there_is_the_hard_loss_alone():
    _, total, parts = told(teacher=None)
    assert list(parts) == ["hard"]
    assert total.item() == parts["hard"].item()


def test_a_teacher_of_other_depth_is_refused_and_not_compared_in_part():
    with pytest.raises(ValueError, match="shorter"):
        told(teacher=(torch.randn(3, 5), [maps(6), maps(10)]))
