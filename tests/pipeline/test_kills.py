"""Real stages, really killed: few times here, a hundred by `python -m tests.kills 100`."""

import os
import random
import signal

import pytest

from tests.kills import Harness
from tests.tiny import dvc, executed, lock_of, start, until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", ["train_teacher", "train_student"])
def test_a_killed_repro_goes_on_and_ends_in_the_same_bytes(clone, stage):
    before, again = lock_of(clone), f"dvc repro --force --single-item {stage}"
    first = start(clone, again)
    until(lambda: list((clone / "data/checkpoints").glob("*/*.pt")))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (clone / f"data/models/{stage.removeprefix('train_')}.safetensors").exists()
    assert "continues at epoch" in dvc(clone, again.removeprefix("dvc "))
    assert executed(dvc(clone, "repro")) == set() and lock_of(clone) == before
    assert not list((clone / "data/checkpoints").rglob("*.pt"))


@pytest.mark.parametrize("stage", ["phantom", "prepare", "dump@teacher", "evaluate@student"])
def test_a_stage_killed_at_random_moments_leaves_all_or_nothing(clone, stage):
    harness = Harness(clone, random.Random(0))
    harness.try_one(stage)
    assert not harness.wrong, harness.wrong


def test_the_harness_sees_a_wrong_byte(clone):
    harness = Harness(clone, random.Random(0))
    model = clone / "data/models/student.safetensors"
    whole = model.read_bytes()
    model.unlink()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert harness.bytes_of(["data/models/student.safetensors"]) != harness.whole["train_student"]
    dvc(clone, "checkout --force")
