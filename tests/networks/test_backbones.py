"""timm backbones and ensembles of them, and the file that notes which pretrained weights they start from."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file

from rayling.common.errors import BadInput
from rayling.networks.architectures import Backbone, Ensemble, try_out
from stages import check_backbones
from tests.toy import images, rms, run

ROOT = Path(__file__).parents[2]
LEVELS, GRID = [2, 3, 4], 3
BACKBONES = ["resnet10t", "densenet121", "mobilenetv3_small_050"]


def backbone(name: str, **rest) -> Backbone:
    torch.manual_seed(0)
    return Backbone(name, outputs=5, levels=LEVELS, grid=GRID, **rest).eval()


def refusal(name: str, **rest) -> str:
    """The one line with which a backbone is refused."""
    with pytest.raises(BadInput) as caught:
        backbone(name, **rest)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# outputs


@pytest.mark.parametrize("name", BACKBONES)
def test_logits_are_those_of_timm_with_the_same_weights(name):
    wrapped, plain = backbone(name), timm.create_model(name, num_classes=5, in_chans=1)
    plain.load_state_dict(wrapped.network.state_dict())
    logits, _ = run(wrapped, images())
    assert torch.allclose(logits, run(plain.eval(), images()), atol=1e-6)
    assert logits.std() > 1e-4  # not the same for each image


@pytest.mark.parametrize("name", BACKBONES)
def test_features_are_three_levels_on_the_grid_with_a_root_mean_square_of_one(name):
    wrapped = backbone(name)
    _, levels = run(wrapped, images())
    channels = [wrapped.network.feature_info[level]["num_chs"] for level in LEVELS]
    assert [level.shape[2:] for level in levels] == [(GRID, GRID)] * 3
    assert [level.shape[1] for level in levels][:2] == channels[:2]  # the last may have a head's channels
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


def test_without_levels_there_are_the_same_logits_and_no_features():
    with_levels = backbone("resnet10t")
    without = Backbone("resnet10t", outputs=5, levels=[], grid=1).eval()
    without.load_state_dict(with_levels.state_dict())
    logits, features = run(without, images())
    assert features == []
    assert torch.allclose(logits, run(with_levels, images()).logits, atol=1e-6)


def test_an_ensemble_is_the_mean_of_logits_and_the_concatenation_of_channels():
    members = [backbone("resnet10t"), backbone("mobilenetv3_small_050")]
    logits, levels = run(Ensemble(members), images())
    (one, levels_of_one), (two, levels_of_two) = (run(member, images()) for member in members)
    assert torch.allclose(logits, (one + two) / 2)
    assert not torch.allclose(one, two)
    for level, first, second in zip(levels, levels_of_one, levels_of_two, strict=True):
        assert torch.equal(level, torch.cat([first, second], 1))


# refusals


def test_an_unknown_backbone_is_refused_with_the_nearest_name():
    message = refusal("densenet12")
    assert "'densenet12'" in message
    assert "did you mean densenet121?" in message


def test_a_backbone_without_enough_levels_is_refused():
    assert "convnext_atto: has 4 levels" in refusal("convnext_atto")


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("densenet12", 64, "did you mean densenet121?"),
        ("convnext_atto", 64, "has 4 levels of feature maps"),
        ("inception_v3", 64, "takes no images of 64 × 64 pixels"),
        ("vit_tiny_patch16_224", 64, "takes no images of 64 × 64 pixels"),
    ],
)
def test_a_backbone_that_can_not_be_used_is_refused_before_it_is_trained(name, size, message):
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        try_out(name, levels=LEVELS, grid=4, size=size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["efficientnet_b6", "densenet121", "inception_v3", "resnet18d"])
def test_the_backbones_of_the_studies_are_accepted(name):
    try_out(name, levels=LEVELS, grid=4, size=96)


# pretrained weights


def pretrained(name: str, tensors: dict[str, torch.Tensor]) -> Path:
    """Write a file of pretrained weights to data/weights."""
    file = Path(f"data/weights/{name}.safetensors")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def test_pretrained_weights_are_those_of_the_local_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(7)
    coloured = timm.create_model("resnet10t", num_classes=1000).state_dict()
    pretrained("resnet10t", coloured)
    found, fresh = (backbone("resnet10t", pretrained=p).network.state_dict() for p in (True, False))
    assert torch.equal(found["layer4.0.conv1.weight"], coloured["layer4.0.conv1.weight"])
    assert not torch.equal(fresh["layer4.0.conv1.weight"], coloured["layer4.0.conv1.weight"])
    # a grey image as three equal channels: the same sums
    assert torch.allclose(found["conv1.0.weight"], coloured["conv1.0.weight"].sum(1, keepdim=True), atol=1e-6)


def test_pretrained_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = pretrained("resnet10t", {"layer4.0.conv1.weight": torch.zeros(3)})
    assert "data/weights/resnet10t.safetensors does not fit" in refusal("resnet10t", pretrained=True)
    file.write_bytes(b"<html>404</html>")
    assert "data/weights/resnet10t.safetensors does not fit" in refusal("resnet10t", pretrained=True)


def test_without_hub_and_file_the_message_names_the_file_to_provide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the hub is switched off in conftest.py, so nothing waits for it
    message = refusal("resnet10t", pretrained=True)
    assert "no pretrained weights from the hub" in message
    assert "put them at data/weights/resnet10t.safetensors" in message


# the stage check_backbones


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """A function that runs `check_backbones` and returns what it wrote of teacher and assistant."""
    monkeypatch.chdir(tmp_path)

    def run_stage(*, teacher: bool, assistant: bool) -> tuple[dict, dict]:
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        study = content["studies"]["phantom"]
        study["teacher"] |= {"backbones": ["resnet10t", "mobilenetv3_small_050"], "pretrained": teacher}
        study["assistant"] |= {"backbone": "resnet10t", "pretrained": assistant}
        Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        check_backbones.main()
        read = (Path(f"data/backbones/{network}.json").read_text() for network in ("teacher", "assistant"))
        return tuple(map(json.loads, read))

    return run_stage


def test_a_backbone_that_is_not_pretrained_starts_from_no_file(checked):
    pretrained("resnet10t", {"weight": torch.zeros(3)})
    teacher, assistant = checked(teacher=False, assistant=False)
    assert teacher == {"resnet10t": None, "mobilenetv3_small_050": None}
    assert assistant == {"resnet10t": None}


def test_a_pretrained_backbone_starts_from_its_file_in_data_weights(checked):
    file = pretrained("resnet10t", {"weight": torch.zeros(3)})
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    teacher, assistant = checked(teacher=True, assistant=False)
    assert teacher == {"resnet10t": digest, "mobilenetv3_small_050": None}  # the second comes from timm's hub
    assert assistant == {"resnet10t": None}
    assert checked(teacher=False, assistant=True)[1] == {"resnet10t": digest}


def test_only_the_file_of_a_backbone_changes_what_is_noted_of_it(checked):
    pretrained("resnet10t", {"weight": torch.zeros(3)})
    before = checked(teacher=True, assistant=True)
    pretrained("densenet121", {"weight": torch.zeros(3)})
    Path("data/weights/README.md").write_text("weights")
    assert checked(teacher=True, assistant=True) == before
    pretrained("resnet10t", {"weight": torch.ones(3)})
    after = checked(teacher=True, assistant=True)
    assert after[0]["resnet10t"] == after[1]["resnet10t"] != before[0]["resnet10t"]


def test_the_stage_refuses_a_backbone_that_can_not_be_used(checked, tmp_path, monkeypatch):
    def refuse(name, **_):
        raise BadInput(f"backbone {name}: unknown")

    monkeypatch.setattr(check_backbones.architectures, "try_out", refuse)
    with pytest.raises(BadInput, match="backbone"):
        checked(teacher=False, assistant=False)
    assert not (tmp_path / "data/backbones").exists()
