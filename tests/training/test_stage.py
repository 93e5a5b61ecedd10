"""What the training stages share: the splits in the views of params.yaml, and the files that they leave."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from rayling.config.schema import Views
from rayling.networks import weights
from rayling.runtime import distributed
from rayling.storage import prepared
from rayling.training import checkpoint, stage
from tests.toy import CPU, VIEWS


@pytest.fixture
def folder(halves, tmp_path, monkeypatch):
    """The folder of a study with prepared data and checkpoints of two networks."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    halves.rename("data/prepared.h5")
    for name in ("student", "student-1", "assistant"):
        (checkpoint.FOLDER / "hash").mkdir(parents=True, exist_ok=True)
        (checkpoint.FOLDER / f"hash/{name}.pt").touch()
    return tmp_path


def test_the_splits_have_the_views_and_the_seed_of_the_parameters(folder):
    p = SimpleNamespace(seed=7, views=Views(**VIEWS, gamma=0.0))
    train, dev = stage.splits("train", "dev", device=CPU, p=p, cached_views=4)
    assert (len(train), len(dev)) == (48, 32)
    assert train.recipe == dev.recipe == {"seed": 7, "count": 4, **VIEWS, "gamma": 0.0}
    [test] = stage.splits("test", device=CPU, p=p)
    assert test.recipe["count"] == 1


def save(name: str) -> weights.Header:
    header = weights.Header.of(prepared.read("data/prepared.h5", "train"), network=name, head=1)
    torch.manual_seed(0)
    stage.save(name, weights.build(header), header, pd.DataFrame({"epoch": [0, 1], "loss": [0.5, 0.25]}))
    return header


def test_a_trained_network_is_saved_with_its_history_and_its_checkpoints_are_deleted(folder):
    header = save("student")
    found = weights.load("data/models/student.safetensors", split=prepared.read("data/prepared.h5", "train"))[1]
    assert found == header
    assert Path("plots/training/student.csv").read_text() == "epoch,loss\n0,0.5\n1,0.25\n"
    assert [path.name for path in checkpoint.FOLDER.glob("*/*")] == ["assistant.pt"]


def test_only_the_first_process_saves(folder, monkeypatch):
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    save("student")
    assert not Path("data/models").exists() and not Path("plots").exists()
    assert len(list(checkpoint.FOLDER.glob("*/*"))) == 3
