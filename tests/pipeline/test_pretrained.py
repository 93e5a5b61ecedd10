"""A study with frozen pretrained backbones, folds and the lesson `any_view`, from raw images to the student."""

import json

import numpy as np
import pandas as pd
import pytest

from rayling.networks import pretrained
from rayling.storage import dumps
from tests.tiny import clone_into, dvc, edit, executed, run

BACKBONE = "tf_efficientnet_lite0"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(pretrained.find(BACKBONE) is None, reason="needs requirements-pretrained.txt"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    path = clone_into(tmp_path_factory.mktemp("pretrained"))
    edit(path, freeze)
    dvc(path, "repro evaluate@teacher evaluate@student")
    return path


def freeze(content: dict) -> None:
    study = content["studies"]["phantom"]
    study["lesson"] = "any_view"
    study["teacher"] |= {"backbones": [BACKBONE], "pretrained": True, "freeze": True, "folds": 2, "size": 48}
    study["assistant"]["weights"]["feature"] = study["student"]["weights"]["feature"] = 0.0
    study["student"] |= {"head": 2, "standardise": True}


def test_the_dump_holds_the_logits_of_the_teacher_of_each_fold(clone):
    assert sorted(file.name for file in (clone / "data/models/folds").iterdir()) == [
        "fold-0.safetensors",
        "fold-1.safetensors",
    ]
    dumped = dumps.Dump(clone / "data/dumps/teacher.h5")
    assert dumped.done.all() and not dumped.levels and np.isfinite(dumped.logits).all()
    done = run(clone, "python -m rayling.experiments.audit teacher")  # runs the backbones on the pixels again
    assert done.returncode == 0, done.stderr


def test_the_student_learns_from_hard_and_soft_labels_without_feature_maps(clone):
    history = pd.read_csv(clone / "plots/training/student.csv")
    assert {"hard", "soft"} <= set(history) and "feature" not in history
    assert json.loads((clone / "metrics/teacher.json").read_text())["auroc"]["macro"] is not None


def test_without_folds_the_teacher_dumps_all_and_no_backbone_runs_again(clone):
    printed = dvc(clone, "exp run -S studies.phantom.teacher.folds=1 evaluate@student")
    assert {"train_folds", "dump@teacher", "train_student"} <= executed(printed)
    assert not executed(printed) & {"prepare", "embed", "train_teacher"}
