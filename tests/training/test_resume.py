"""A training that was killed continues from its checkpoint and ends in the same bytes as one that never stopped."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.training import checkpoint, loop, resume
from rayling.training.epochs import Sampler
from rayling.training.hard_loss import mean_loss
from tests.toy import SETTINGS, batches, student


class Killed(BaseException):
    """Not caught by any `except Exception`."""


@pytest.fixture
def train(halves, monkeypatch):
    """A function that trains with a checkpoint after every step, and is killed at a step if requested."""
    monkeypatch.setattr(resume, "SECONDS", -1)

    def run(unfinished=None, *, killed_at=None, spoilt=False, **changed):
        data, network, steps = batches(halves), torch.nn.Sequential(student()), []

        def noisy(outputs, batch):  # draws from torch's generator, as the student's Wasserstein distance does
            steps.append(batch.rows)
            if len(steps) == killed_at:
                raise Killed
            total = mean_loss(
                "bce", logits=outputs.logits + 0.1 * torch.randn(outputs.logits.shape), labels=batch.labels
            )
            sign = -1 if spoilt and batch.view[0] == 2 else 1  # in the last of three epochs
            return sign * total, {"hard": total}

        settings = {"sampler": Sampler(data["train"].split, seed=0), "seed": 0} | SETTINGS | {"epochs": 3} | changed
        history = loop.fit(network, **data, loss=noisy, unfinished=unfinished, **settings)
        return network.state_dict(), history, len(steps)

    return run


@pytest.mark.parametrize("killed_at", [1, 2, 4, 5, 8, 12])  # of 3 epochs of 4 steps: at the start, middle and end
def test_a_killed_training_ends_in_the_same_bytes(train, tmp_path, killed_at):
    weights, history, count = train()
    unfinished = tmp_path / "begun" / "toy.pt"
    with pytest.raises(Killed):
        train(unfinished, killed_at=killed_at)
    resumed, again, steps = train(unfinished)
    assert steps == count - killed_at + 1  # no step is repeated
    assert history.equals(again)
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_a_finished_training_is_not_repeated(train, tmp_path):
    weights, history, _ = train(tmp_path / "toy.pt")
    resumed, again, steps = train(tmp_path / "toy.pt")
    assert steps == 0 and history.equals(again) and all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_the_best_epoch_before_a_kill_is_kept(train, tmp_path):
    weights, history, _ = train(spoilt=True, schedule="constant")
    best = history.sort_values(["dev_auroc", "dev_loss"], ascending=[False, True]).index[0]
    assert best < 2
    with pytest.raises(Killed):
        train(tmp_path / "toy.pt", killed_at=10, spoilt=True, schedule="constant")
    resumed, _, _ = train(tmp_path / "toy.pt", spoilt=True, schedule="constant")
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_a_training_without_a_path_saves_nothing(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    train()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["truncated", "other network", "no file of torch's"])
def test_a_damaged_checkpoint_is_refused_and_stays(train, tmp_path, damage):
    unfinished = tmp_path / "toy.pt"
    with pytest.raises(Killed):
        train(unfinished, killed_at=3)
    if damage == "truncated":
        unfinished.write_bytes(unfinished.read_bytes()[:-1000])
    elif damage == "other network":
        state = torch.load(unfinished, weights_only=True)
        state["network"].popitem()
        torch.save(state, unfinished)
    else:
        unfinished.write_bytes(b"[1, 2, 3]")
    with pytest.raises(BadInput, match=r"toy\.pt: no checkpoint of this training: .*; delete it to start again"):
        train(unfinished)
    assert unfinished.exists()


def test_no_pickle_in_a_checkpoint_is_executed(train, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"network": Evil()}, tmp_path / "toy.pt")
    with pytest.raises(BadInput, match="no checkpoint"):
        train(tmp_path / "toy.pt")
    assert not (tmp_path / "owned").exists()


# where checkpoints lie


def test_the_path_of_a_checkpoint_depends_on_its_settings_and_files_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prepared.h5").write_bytes(b"one")

    def path(**settings):
        return checkpoint.for_training("student", SimpleNamespace(**settings), "prepared.h5", "missing.h5")

    first = path(temperature=20, seed=0)
    (tmp_path / "unrelated").write_bytes(b"two")
    assert first == path(seed=0, temperature=20)
    others = [path(temperature=30, seed=0), path(temperature=20, seed=1)]
    (tmp_path / "prepared.h5").write_bytes(b"other")
    others.append(path(temperature=20, seed=0))
    (tmp_path / "missing.h5").write_bytes(b"here now")
    others.append(path(temperature=20, seed=0))
    assert len({first, *others}) == 5


def test_a_file_in_data_weights_does_not_restart_a_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = checkpoint.for_training("teacher-0", SimpleNamespace(seed=0), "data/prepared.h5")
    (tmp_path / "data/weights").mkdir(parents=True)
    (tmp_path / "data/weights/resnet18.safetensors").write_bytes(b"weights")
    assert checkpoint.for_training("teacher-0", SimpleNamespace(seed=0), "data/prepared.h5") == first


def test_stale_checkpoints_are_deleted_with_a_message_and_finished_ones_without(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("old/student.pt", "old/assistant.pt", "new/student.pt"):
        (checkpoint.FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint.FOLDER / name).write_bytes(np.arange(3).tobytes())
    checkpoint.delete_stale(checkpoint.FOLDER / "new/student.pt")
    assert capsys.readouterr().out.startswith("data/checkpoints/old/student.pt: deleted")
    assert sorted(map(str, checkpoint.FOLDER.glob("*/*"))) == [
        "data/checkpoints/new/student.pt",
        "data/checkpoints/old/assistant.pt",
    ]
    checkpoint.delete_finished("student")
    assert [path.name for path in checkpoint.FOLDER.glob("*/*")] == ["assistant.pt"]
    assert not (checkpoint.FOLDER / "new").exists()
    assert capsys.readouterr().out == ""
