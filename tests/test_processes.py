"""Several processes do what one does: the same dump to the last bit, the same training in kind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from distill import dumps, prepared, weights

ROOT = Path(__file__).parents[1]


@pytest.fixture
def study(halves, tmp_path):
    """The folder of a study that is prepared, with an assistant that is to be dumped and a student to be trained."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings = content["studies"]["phantom"]
    settings["features"]["grid"], settings["student"]["epochs"], settings["cached_views"] = 2, 6, 3
    settings["student"]["batch_size"] = 12
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content | {"learn_from": "labels"}))
    (tmp_path / "data/dumps").mkdir(parents=True)
    halves.rename(tmp_path / "data/prepared.h5")
    train = prepared.read(tmp_path / "data/prepared.h5", "train")
    dumps.create(tmp_path / "data/dumps/labels.h5", names=train.names, image_id=train.image_id)
    torch.manual_seed(0)
    header = weights.Header.of(train, network="assistant", backbones=[], seed=0)
    weights.save(tmp_path / "data/models/assistant.safetensors", weights.build(header), header)
    return tmp_path


def run(folder: Path, stage: str, processes: str, **environment: str) -> subprocess.CompletedProcess:
    """A stage as DVC runs it, one thread a process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NPROC": processes, "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-m", *stage.split()]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


UNEVEN = """
import os, signal, time
from distill import filler, inference, processes
from stages import dump
inference.PIXELS["cpu"], filler.SETTLE_BYTES = 7 * 16 * 16, 0  # batches of 7 images, each noted as done at once
outputs = inference.outputs
def late(*arguments, **settings):
    for number, said in enumerate(outputs(*arguments, **settings)):
        if processes.rank() and "shared" in settings:
            time.sleep(0.3)
            if "KILL" in os.environ and number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        yield said
inference.outputs = late
if __name__ == "__main__":
    processes.run(dump.main, "assistant")
"""


def dumped(study: Path, processes: str, **environment: str) -> bytes:
    done = run(study, "uneven", processes, **environment)
    assert done.returncode == 0, done.stderr
    assert dumps.Dump(study / "data/dumps/assistant.h5").done.all()
    return (study / "data/dumps/assistant.h5").read_bytes()


def test_a_dump_by_two_processes_has_the_bytes_of_a_dump_by_one_though_one_of_them_is_slow_or_killed(study):
    (study / "uneven.py").write_text(UNEVEN)
    expected = dumped(study, "1")
    assert dumped(study, "2") == expected
    (study / "data/dumps/assistant.h5").unlink()

    killed = run(study, "uneven", "2", KILL="")
    assert killed.returncode == 1 and not (study / "data/dumps/assistant.h5").exists()
    assert killed.stderr.startswith("error: process 1: Signal 9 (SIGKILL)") and "Traceback" not in killed.stderr
    [unfinished] = (study / "data/checkpoints").glob("*/dump-assistant.h5")
    assert 7 <= dumps.Dump(unfinished).done.sum() < 48
    assert dumped(study, "2") == expected


STRAIGHT = """
import numpy as np, torch
from distill import fit, processes
from distill.batches import Batches
from distill.hard_loss import from_labels
class Straight(torch.nn.Module):  # no batch norm: the same to the last digits
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(256, 2)
    def forward(self, images):
        return self.linear(images.flatten(1)), []
def main():
    torch.manual_seed(0)
    network = Straight()
    train, dev = (Batches("data/prepared.h5", split, device=torch.device("cpu")) for split in ("train", "dev"))
    train.split.labels[np.arange(48) % 3 > 0] = np.nan  # few, so that one process often knows more of them
    settings = {"epochs": 3, "batch_size": 8, "lr": 1e-3, "weight_decay": 0.0, "schedule": "cosine", "seed": 0}
    fit.fit(network, train=train, dev=dev, rows=np.arange(48), loss=from_labels, title="straight", views=1, **settings)
    torch.save(network.state_dict(), f"{processes.count()}-{processes.rank()}.pt")
if __name__ == "__main__":
    processes.run(main)
"""


def test_without_batch_norm_two_processes_arrive_where_one_does_though_few_labels_are_known(study):
    (study / "straight.py").write_text(STRAIGHT)
    for count in ("1", "2"):
        done = run(study, "straight", count)
        assert done.returncode == 0, done.stderr
    one, first, second = (torch.load(study / f"{name}.pt")["linear.weight"] for name in ("1-0", "2-0", "2-1"))
    assert torch.equal(first, second)
    assert torch.allclose(one, first, atol=1e-5)
    torch.manual_seed(0)
    assert (one - torch.nn.Linear(256, 2).weight).abs().max() > 1e-3  # it did learn


def test_two_processes_train_as_one_does(study):
    histories = []
    for count in ("1", "2"):
        done = run(study, "stages.train_student", count)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("on dev loss") == 1
        histories.append(pd.read_csv(study / "plots/training/student.csv"))
    one, two = histories
    header = weights.load(
        study / "data/models/student.safetensors", split=prepared.read(study / "data/prepared.h5", "dev")
    )[1]
    assert header.computed.endswith("processes: 2")
    assert one["epoch"].tolist() == two["epoch"].tolist()
    # batch norm sees half as many images at a time, so not to the last digit
    assert np.allclose(one["loss"], two["loss"], atol=0.1)
    assert one["dev_auroc"].max() > 0.95 and abs(one["dev_auroc"].max() - two["dev_auroc"].max()) < 0.05


@pytest.mark.parametrize(
    ("processes", "told"),
    [("two", "NPROC: found 'two'"), ("2", "batch_size: found 3 of 48 images for 2 processes")],
)
def test_what_is_wrong_is_told_once_in_one_line(study, processes, told):
    content = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    content["studies"]["phantom"]["student"]["batch_size"] = 3
    (study / "params.yaml").write_text(yaml.safe_dump(content))
    done = run(study, "stages.train_student", processes)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"error: {told}"), done.stderr
    assert not (study / "data/models/student.safetensors").exists()


def test_ctrl_c_ends_the_processes_at_once_and_the_next_run_goes_on(study):
    content = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    content["studies"]["phantom"]["student"]["epochs"] = 2000
    (study / "params.yaml").write_text(yaml.safe_dump(content))
    about = {"PYTHONPATH": str(ROOT), "NPROC": "2", "OMP_NUM_THREADS": "1"}
    settings = {"env": os.environ | about, "cwd": study, "start_new_session": True}
    with subprocess.Popen([sys.executable, "-m", "stages.train_student"], **settings) as stage:
        while not list((study / "data/checkpoints").glob("*/student.pt")):
            assert stage.poll() is None
            time.sleep(0.1)
        os.killpg(stage.pid, signal.SIGINT)
        assert stage.wait(15) == 128 + signal.SIGINT  # torch's launcher would wait 30 s for who ignores it
    with pytest.raises(ProcessLookupError):  # nobody is left
        for _ in range(100):
            os.killpg(stage.pid, 0)
            time.sleep(0.1)  # Python's own resource tracker is the last
    assert not (study / "data/models/student.safetensors").exists()
