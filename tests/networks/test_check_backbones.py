"""The stage `check_backbones`: what it notes of pretrained weights, and what it refuses before anything is trained."""

import hashlib
import json
from pathlib import Path

import pytest
import timm
import torch
import yaml
from safetensors.torch import save_file

from rayling.common.errors import BadInput
from stages import check_backbones
from tests.tiny import ROOT

SMALL = "mobilenetv3_small_050"


def put(name: str, seed: int = 0) -> str:
    """Write random weights of a backbone to data/weights. Returns their digest."""
    file = Path(f"data/weights/{name}.safetensors")
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    save_file(timm.create_model(name).state_dict(), file)
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """A function that runs the stage with these changes, and returns what it wrote of teacher and assistant."""
    monkeypatch.chdir(tmp_path)

    def run_stage(*, teacher=(), assistant=()) -> tuple[dict, dict]:
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        study = content["studies"]["phantom"]
        study["teacher"] |= {"backbones": ["resnet10t", SMALL], "size": 64} | dict(teacher)
        study["assistant"] |= {"backbone": "resnet10t", "size": 64} | dict(assistant)
        Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        check_backbones.main()
        read = (Path(f"data/backbones/{network}.json").read_text() for network in ("teacher", "assistant"))
        return tuple(map(json.loads, read))

    return run_stage


PRETRAINED = {"pretrained": True}


def test_a_backbone_that_is_not_pretrained_starts_from_no_file(checked):
    put("resnet10t")
    teacher, assistant = checked()
    assert teacher == {"resnet10t": None, SMALL: None}
    assert assistant == {"resnet10t": None}


def test_a_pretrained_backbone_starts_from_its_file_in_data_weights(checked, capsys):
    one, two = put("resnet10t"), put(SMALL)
    teacher, assistant = checked(teacher=PRETRAINED)
    assert teacher == {"resnet10t": one, SMALL: two}
    assert assistant == {"resnet10t": None}
    assert "resnet10t: pretrained weights from data/weights/resnet10t.safetensors" in capsys.readouterr().out
    assert checked(assistant=PRETRAINED)[1] == {"resnet10t": one}


def test_only_the_file_of_a_backbone_changes_what_is_noted_of_it(checked):
    put("resnet10t"), put(SMALL)
    before = checked(teacher=PRETRAINED)
    put("tf_efficientnet_lite0")
    Path("data/weights/README.md").write_text("weights")
    assert checked(teacher=PRETRAINED) == before
    put("resnet10t", seed=1)
    after = checked(teacher=PRETRAINED)
    assert after[0]["resnet10t"] != before[0]["resnet10t"]
    assert after[0][SMALL] == before[0][SMALL]


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ({"backbones": ["densenet12"]}, "did you mean densenet121?"),
        (PRETRAINED, "backbone mobilenetv3_small_050: no pretrained weights"),  # at once, not when it is trained
        (PRETRAINED | {"freeze": True}, "backbone mobilenetv3_small_050: no pretrained weights"),
    ],
    ids=str,
)
def test_a_teacher_that_can_not_be_used_is_refused_and_nothing_is_noted(checked, teacher, message):
    put("resnet10t")
    with pytest.raises(BadInput) as caught:
        checked(teacher=teacher)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("data/backbones").exists()


def test_each_backbone_is_tried_at_the_size_of_its_own_network(checked):
    inception = {"backbones": ["inception_v3"], "size": 96}
    assert checked(teacher=inception)[0] == {"inception_v3": None}
    with pytest.raises(BadInput, match="inception_v3: takes no images of 64 × 64 pixels"):
        checked(teacher=inception, assistant={"backbone": "inception_v3"})
