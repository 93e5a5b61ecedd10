"""Several processes do what one does: the same dump to the last bit, the same training up to rounding."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.networks import weights
from rayling.runtime import distributed
from rayling.storage import dumps, prepared
from tests.runtime.processes import run, succeed

# NPROC


@pytest.mark.parametrize("gpus", [0, 1, 8])
@pytest.mark.parametrize("value", [None, ""])
def test_there_is_one_process_unless_more_are_requested(monkeypatch, gpus, value):
    monkeypatch.delenv("NPROC", raising=False)
    if value is not None:
        monkeypatch.setenv("NPROC", value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert distributed.requested() == 1


@pytest.mark.parametrize(("gpus", "value"), [(0, "12"), (8, "8"), (8, "2"), (1, "1")])
def test_there_are_as_many_processes_as_requested(monkeypatch, gpus, value):
    monkeypatch.setenv("NPROC", value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert distributed.requested() == int(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("two", "NPROC: found 'two', expected a number of processes above 0"),
        ("0", "NPROC: found '0', expected a number of processes above 0"),
        ("-2", "NPROC: found '-2', expected a number of processes above 0"),
        ("1.5", "NPROC: found '1.5', expected a number of processes above 0"),
        ("9", "NPROC: found 9, expected at most as many processes as GPUs, 8"),
    ],
)
def test_a_wrong_number_of_processes_is_refused(monkeypatch, value, message):
    monkeypatch.setenv("NPROC", value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    with pytest.raises(BadInput, match=message):
        distributed.requested()


# real runs


SLOW_SECOND = """
import os, signal, time
from rayling.runtime import distributed, inference
from rayling.storage import dumps
from stages import dump
inference.PIXELS["cpu"], dumps.SYNC_BYTES = 7 * 16 * 16, 0  # batches of 7 images, each marked as done at once
outputs = inference.outputs
def slow(*arguments, **settings):
    for number, batch in enumerate(outputs(*arguments, **settings)):
        if distributed.rank() and "shared" in settings:
            time.sleep(0.3)
            if "KILL" in os.environ and number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        yield batch
inference.outputs = slow
if __name__ == "__main__":
    distributed.run(dump.main, "assistant")
"""


def dumped(study: Path, processes: str) -> bytes:
    succeed(study, "slow_second", processes)
    assert dumps.Dump(study / "data/dumps/assistant.h5").done.all()
    return (study / "data/dumps/assistant.h5").read_bytes()


@pytest.mark.slow
def test_two_processes_dump_the_bytes_of_one_even_if_one_of_them_is_slow_or_killed(study):
    (study / "slow_second.py").write_text(SLOW_SECOND)
    expected = dumped(study, "1")
    assert dumped(study, "2") == expected
    (study / "data/dumps/assistant.h5").unlink()

    killed = run(study, "slow_second", "2", KILL="")
    assert killed.returncode == 1 and not (study / "data/dumps/assistant.h5").exists()
    assert killed.stderr.startswith("error: process 1: Signal 9 (SIGKILL)") and killed.stderr.count("\n") == 1
    [unfinished] = (study / "data/checkpoints").glob("*/dump-assistant.h5")
    assert 7 <= dumps.Dump(unfinished).done.sum() < 48
    assert dumped(study, "2") == expected


LINEAR = """
import numpy as np, torch
from rayling.networks.feature_maps import Outputs
from rayling.runtime import distributed
from rayling.runtime.loader import Batches
from rayling.training import loop
from rayling.training.epochs import Sampler
from rayling.training.hard_loss import hard_loss
class Linear(torch.nn.Module):  # no batch norm: the same to the last digits
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(256, 2)
    def forward(self, images):
        return Outputs(self.linear(images.flatten(1)), [])
def main():
    torch.manual_seed(0)
    network = Linear()
    train, dev = (Batches("data/prepared.h5", split, device=torch.device("cpu")) for split in ("train", "dev"))
    train.split.labels[np.arange(48) % 3 > 0] = np.nan  # few, so that one process often has more of them
    settings = {"epochs": 3, "batch_size": 8, "lr": 1e-3, "weight_decay": 0.0, "schedule": "cosine", "seed": 0}
    settings |= {"sampler": Sampler(train.split, seed=0), "loss": hard_loss("bce"), "title": "linear", "views": 1}
    loop.fit(network, train=train, dev=dev, **settings)
    torch.save(network.state_dict(), f"{distributed.world_size()}-{distributed.rank()}.pt")
if __name__ == "__main__":
    distributed.run(main)
"""


@pytest.mark.slow
def test_without_batch_norm_two_processes_reach_the_weights_of_one_even_if_few_labels_are_known(study):
    (study / "linear.py").write_text(LINEAR)
    for count in ("1", "2"):
        succeed(study, "linear", count)
    one, first, second = (torch.load(study / f"{name}.pt")["linear.weight"] for name in ("1-0", "2-0", "2-1"))
    assert torch.equal(first, second)
    assert torch.allclose(one, first, atol=1e-5)
    torch.manual_seed(0)
    assert (one - torch.nn.Linear(256, 2).weight).abs().max() > 1e-3  # it did learn


@pytest.mark.slow
def test_two_processes_train_as_one_does(study):
    histories, headers = [], []
    for count in ("1", "2"):
        assert succeed(study, "stages.train_student", count).stdout.count("on dev loss") == 1
        histories.append(pd.read_csv(study / "plots/training/student.csv"))
        dev = prepared.read(study / "data/prepared.h5", "dev")
        headers.append(weights.load(study / "data/models/student.safetensors", split=dev)[1])
    one, two = histories
    assert headers[0] == headers[1]  # the file does not say what it was trained on
    assert one["epoch"].tolist() == two["epoch"].tolist()
    # batch norm sees half as many images at a time, so not to the last digit
    assert np.allclose(one["loss"], two["loss"], atol=0.1)
    assert one["dev_auroc"].max() > 0.95 and abs(one["dev_auroc"].max() - two["dev_auroc"].max()) < 0.05
