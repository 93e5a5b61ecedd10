"""The losses that the stages `train_assistant` and `train_student` build from params.yaml (paper, section 3)."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from rayling.distillation.losses import (
    activation_wasserstein,
    feature_kl,
    sliced_wasserstein,
    soft_bce,
    unit_directions,
)
from rayling.networks.feature_maps import Outputs
from rayling.runtime.loader import Batch
from rayling.storage import dumps, prepared
from rayling.training.hard_loss import mean_loss
from stages import train_assistant, train_student

ROOT = Path(__file__).parents[2]
WEIGHTS = {"hard": 1.0, "soft": 0.5, "feature": 3.0}


class Captured(BaseException):
    """Ends a stage where it would begin to train."""


@pytest.fixture
def loss_of(halves, tmp_path, monkeypatch):
    """A function that returns the loss of a stage whose block of params.yaml is changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/dumps").mkdir(parents=True)
    halves.rename(tmp_path / "data/prepared.h5")
    (tmp_path / "data/pixels").mkdir()
    prepared.create_no_pixels("data/pixels/assistant.h5")
    train = prepared.read("data/prepared.h5", "train")
    dumps.create("data/dumps/labels.h5", names=train.names, image_id=train.image_id)

    def capture(stage, network: str, **changed):
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        study = content["studies"]["phantom"]
        study["features"] = {"levels": [1, 2, 3], "grid": 4}
        study[network] |= {"weights": WEIGHTS} | changed
        Path("params.yaml").write_text(yaml.safe_dump(content | {"temperature": 7}), encoding="utf-8")
        found = {}

        def stop(*_, loss, **__):
            found["loss"] = loss
            raise Captured

        monkeypatch.setattr(stage, "distil", stop)
        with pytest.raises(Captured):
            stage.main()
        return found["loss"]

    return capture


def maps(channels: int) -> torch.Tensor:
    return torch.randn(3, channels, 4, 4)


@pytest.fixture
def outputs() -> Outputs:
    torch.manual_seed(0)
    return Outputs(torch.randn(3, 5), [maps(4), maps(4), maps(8)])


@pytest.fixture
def batch() -> Batch:
    """Three images with a teacher whose levels are wider than the student's, and one unknown label."""
    torch.manual_seed(1)
    labels = (torch.rand(3, 5) < 0.5).float()
    labels[1, 2] = torch.nan
    teacher = Outputs(torch.randn(3, 5), [maps(6), maps(10), maps(12)])
    return Batch(np.arange(3), np.zeros(3, int), torch.zeros(3, 1, 16, 16), labels, teacher)


def check(loss, outputs: Outputs, batch: Batch, distance) -> None:
    """The loss is the weighted sum of its named parts, which are computed here one by one."""
    torch.manual_seed(5)
    total, parts = loss(outputs, batch)
    torch.manual_seed(5)
    hard = mean_loss("bce", logits=outputs.logits, labels=batch.labels).item()
    soft = soft_bce(student=outputs.logits, teacher=batch.teacher.logits, temperature=7, softening="sigmoid").item()
    levels = zip(outputs.features, batch.teacher.features, strict=True)
    feature = np.mean([distance(student=s, teacher=t).item() for s, t in levels])
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(
        {"hard": hard, "soft": soft, "feature": feature}
    )
    assert total.item() == pytest.approx(hard + 0.5 * soft + 3 * feature, rel=1e-5)


def test_the_assistant_is_trained_on_hard_labels_soft_labels_and_the_kl_of_the_maps(loss_of, outputs, batch):
    check(loss_of(train_assistant, "assistant"), outputs, batch, feature_kl)


@pytest.mark.parametrize("directions", [8, 3])
def test_the_student_is_trained_on_hard_labels_soft_labels_and_the_sliced_wasserstein_distance(
    loss_of, outputs, batch, directions
):
    def distance(**both):
        return sliced_wasserstein(**both, directions=unit_directions(directions, 16))

    loss = loss_of(train_student, "student", wasserstein="channels", directions=directions)
    check(loss, outputs, batch, distance)
    torch.manual_seed(6)  # other directions give another distance: they are drawn for each batch
    one, other = (loss(outputs, batch)[1]["feature"].item() for _ in range(2))
    assert one != other


def test_the_distance_over_all_activations_is_a_parameter(loss_of, outputs, batch):
    check(loss_of(train_student, "student", wasserstein="activations"), outputs, batch, activation_wasserstein)


def test_without_teacher_outputs_the_student_has_the_hard_loss_alone(loss_of, outputs, batch):
    total, parts = loss_of(train_student, "student")(outputs, batch._replace(teacher=None))
    assert list(parts) == ["hard"]
    assert total.item() == parts["hard"].item()


@pytest.mark.parametrize(("stage", "network"), [(train_assistant, "assistant"), (train_student, "student")])
def test_a_teacher_with_fewer_levels_is_refused_and_not_compared_in_part(loss_of, outputs, batch, stage, network):
    fewer = batch._replace(teacher=Outputs(batch.teacher.logits, batch.teacher.features[:2]))
    with pytest.raises(ValueError, match="shorter"):
        loss_of(stage, network)(outputs, fewer)
