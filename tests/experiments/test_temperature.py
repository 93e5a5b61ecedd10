"""The limit of the soft loss for large temperatures: the formulas of docs/method.md against autograd."""

import pytest
import torch
from PIL import Image

from rayling.distillation.losses import soft_bce
from rayling.experiments import temperature
from tests.tiny import ROOT


def logits(labels: int) -> torch.Tensor:
    """Logits of a student and a teacher, (2, 50, K), in double precision."""
    torch.manual_seed(0)
    return 3 * torch.randn(2, 50, labels, dtype=torch.float64)


@pytest.mark.parametrize("labels", [2, 3, 14])
@pytest.mark.parametrize("softening", ["sigmoid", "softmax"])
def test_the_gradient_at_a_huge_temperature_is_the_limit(softening, labels):
    student, teacher = logits(labels)
    found = temperature.gradient(student, teacher, temperature=100_000, softening=softening)
    expected = temperature.limit(student, teacher, softening=softening)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("softening", "factor"), [("sigmoid", 4), ("softmax", 2)])
def test_twice_the_temperature_is_four_times_nearer_to_the_limit_with_sigmoid_and_twice_with_softmax(softening, factor):
    near, nearer = (temperature.distance(t, softening=softening) for t in (40, 80))
    assert near / nearer == pytest.approx(factor, rel=0.02)


def test_at_temperature_30_the_limit_is_0_3_percent_away_for_logits_with_a_deviation_of_3():
    assert temperature.distance(30, softening="sigmoid", deviation=3) == pytest.approx(0.003, abs=0.0005)


@pytest.mark.parametrize("softening", ["sigmoid", "softmax"])
def test_only_the_temperature_relative_to_the_size_of_the_logits_matters(softening):
    large = temperature.distance(15, softening=softening, deviation=3)
    assert large == pytest.approx(temperature.distance(5, softening=softening), rel=1e-6)


def test_softmax_leaves_the_offset_of_an_image_untaught_and_sigmoid_does_not():
    (student, teacher), offset = logits(5), torch.arange(50.0, dtype=torch.float64)[:, None]
    for softening, is_untaught in {"softmax": True, "sigmoid": False}.items():
        pull = temperature.gradient(student, teacher, temperature=2, softening=softening).sum(1).abs().max()
        about = {"teacher": teacher, "temperature": 2, "softening": softening}
        change = (soft_bce(student=student + offset, **about) - soft_bce(student=student, **about)).abs()
        assert (pull < 1e-9, change < 1e-9) == (is_untaught, is_untaught)


def test_the_command_prints_the_table_of_the_docs_and_draws_the_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    temperature.main()
    assert capsys.readouterr().out in (ROOT / "docs/method.md").read_text(encoding="utf-8")
    with Image.open(temperature.PICTURE) as drawn, Image.open(ROOT / temperature.PICTURE) as shown:
        assert drawn.size == shown.size
