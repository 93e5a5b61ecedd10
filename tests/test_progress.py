"""A training that was killed goes on from its checkpoint and ends in the very bytes of one that never stopped."""

import numpy as np
import pytest
import torch

from distill import checkpoint, fit, progress
from distill.batches import Batches
from distill.errors import BadInput
from distill.finite import Finite
from distill.hard_loss import hard_bce
from distill.models import Student

CPU = torch.device("cpu")
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
SETTINGS = {"epochs": 3, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine", "title": "tiny"}


class Killed(BaseException):
    """What no `except Exception` stops."""


@pytest.fixture
def train(halves, monkeypatch):
    """A function that trains with a checkpoint after every step, and dies at a step if it is told to."""
    monkeypatch.setattr(progress, "SECONDS", -1)

    def run(unfinished=None, *, dies_at=None, spoilt=False, **changed):
        data = {split: Batches(halves, split, device=CPU, views=VIEWS, seed=5) for split in ("train", "dev")}
        torch.manual_seed(0)
        network, steps = torch.nn.Sequential(Student(outputs=2, grid=2)), []

        def noisy(outputs, batch):  # draws from torch's generator, as the student's Wasserstein distance does
            steps.append(batch.rows)
            if len(steps) == dies_at:
                raise Killed
            total = hard_bce(logits=outputs[0] + 0.1 * torch.randn(outputs[0].shape), labels=batch.labels)
            sign = -1 if spoilt and batch.view[0] == 2 else 1  # in the last of three epochs
            return sign * total, {"hard": total}

        rows = data["train"].split.rows
        settings = SETTINGS | changed
        history = fit.fit(network, **data, rows=rows, loss=noisy, seed=0, unfinished=unfinished, **settings)
        return network.state_dict(), history, len(steps)

    return run


@pytest.mark.parametrize("dies_at", [1, 2, 4, 5, 8, 12])  # of 3 epochs of 4 steps: at their begin, middle and end
def test_a_killed_training_ends_in_the_same_bytes(train, tmp_path, dies_at):
    weights, history, count = train()
    unfinished = tmp_path / "begun" / "tiny.pt"
    with pytest.raises(Killed):
        train(unfinished, dies_at=dies_at)
    resumed, again, steps = train(unfinished)
    assert steps == count - dies_at + 1  # what was done is not done again
    assert history.equals(again)
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_a_finished_training_is_not_repeated(train, tmp_path):
    weights, history, _ = train(tmp_path / "tiny.pt")
    resumed, again, steps = train(tmp_path / "tiny.pt")
    assert steps == 0 and history.equals(again) and all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_the_best_epoch_before_a_kill_is_not_forgotten(train, tmp_path):
    weights, history, _ = train(spoilt=True, schedule="constant")
    best = history.sort_values(["dev_auroc", "dev_loss"], ascending=[False, True]).index[0]
    assert best < 2
    with pytest.raises(Killed):
        train(tmp_path / "tiny.pt", dies_at=10, spoilt=True, schedule="constant")
    resumed, _, _ = train(tmp_path / "tiny.pt", spoilt=True, schedule="constant")
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)


@pytest.mark.parametrize("harm", ["truncated", "other network", "no file of torch's"])
def test_a_broken_checkpoint_is_told_and_stays(train, tmp_path, harm):
    unfinished = tmp_path / "tiny.pt"
    with pytest.raises(Killed):
        train(unfinished, dies_at=3)
    if harm == "truncated":
        unfinished.write_bytes(unfinished.read_bytes()[:-1000])
    elif harm == "other network":
        state = torch.load(unfinished, weights_only=True)
        state["network"].popitem()
        torch.save(state, unfinished)
    else:
        unfinished.write_bytes(b"[1, 2, 3]")
    with pytest.raises(BadInput, match=r"tiny\.pt: no checkpoint of this training: .*; remove it to start anew"):
        train(unfinished)
    assert unfinished.exists()


def test_no_pickle_of_a_checkpoint_runs(train, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"network": Evil()}, tmp_path / "tiny.pt")
    with pytest.raises(BadInput, match="no checkpoint"):
        train(tmp_path / "tiny.pt")
    assert not (tmp_path / "owned").exists()


def test_a_loss_that_is_no_number_stops_at_its_step_and_names_the_images(halves):
    data = {split: Batches(halves, split, device=CPU) for split in ("train", "dev")}
    bad = data["train"].split.image_id[7]

    def loss(outputs, batch):
        hard = hard_bce(logits=outputs[0], labels=batch.labels)
        soft = torch.tensor(float("inf") if 7 in batch.rows else 1.0)
        return hard + soft, {"hard": hard, "soft": soft}

    with pytest.raises(BadInput) as raised:
        settings = SETTINGS | {"rows": data["train"].split.rows, "seed": 0, "views": 1}
        fit.fit(Student(outputs=2, grid=2), **data, loss=loss, **settings)
    places = next(n for n, rows in enumerate(fit.shuffled(48, 4, seed=0, epoch=0)) if 7 in rows)
    said = str(raised.value)
    assert f"tiny: epoch 0, batch {places}: found a loss of loss inf, soft inf, expected" in said
    named = said.partition("images: ")[2].split(", ")
    assert bad in named and len(named) == 12 and "\n" not in said


def test_a_batch_of_long_names_is_told_to_its_last_image():
    names = np.array([f"CheXpert-v1.0-small/train/patient{n:05}/study1/view1_frontal.jpg" for n in range(64)])
    finite = Finite(names, title="tiny", device=CPU)
    with pytest.raises(BadInput) as raised:
        finite.look(epoch=0, batch=0, rows=np.arange(64), parts={"loss": torch.tensor(float("nan"))})
    assert all(name in str(raised.value) for name in names)


def test_a_step_that_is_asked_for_late_is_told_all_the_same():
    finite = Finite(np.array(["a", "b"]), title="tiny", device=torch.device("cuda"))
    for batch in range(16):
        value = float("inf") if batch == 3 else 1.0
        finite.look(epoch=2, batch=batch, rows=np.array([batch % 2]), parts={"loss": torch.tensor(value)})
    with pytest.raises(BadInput, match=r"epoch 2, batch 3: found a loss of loss inf, .* images: b$"):
        finite.settle()


def test_a_checkpoint_is_of_its_settings_and_its_files_alone(tmp_path, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.chdir(tmp_path)
    (tmp_path / "prepared.h5").write_bytes(b"one")

    def path(**settings):
        return checkpoint.of_training("student", SimpleNamespace(**settings), "prepared.h5")

    first = path(temperature=20, seed=0)
    assert first == path(seed=0, temperature=20)
    others = [path(temperature=30, seed=0), path(temperature=20, seed=1)]
    (tmp_path / "prepared.h5").write_bytes(b"other")
    others.append(path(temperature=20, seed=0))
    assert len({first, *others}) == 4


def test_what_other_settings_left_is_dropped_and_what_is_saved_needs_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("old/student.pt", "old/assistant.pt", "new/student.pt"):
        (checkpoint.FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (checkpoint.FOLDER / name).write_bytes(np.arange(3).tobytes())
    checkpoint.drop_others(checkpoint.FOLDER / "new/student.pt")
    assert sorted(map(str, checkpoint.FOLDER.glob("*/*"))) == [
        "data/checkpoints/new/student.pt",
        "data/checkpoints/old/assistant.pt",
    ]
    checkpoint.finished("student")
    assert [path.name for path in checkpoint.FOLDER.glob("*/*")] == ["assistant.pt"]
    assert not (checkpoint.FOLDER / "new").exists()
