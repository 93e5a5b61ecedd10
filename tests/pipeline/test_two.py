"""Two at once: the outcome is right, or one waits, or says why."""

import os
import re
import signal

import pytest

from tests.tiny import LONG, dvc, executed, lasting, lock_of, run, start, until

pytestmark = pytest.mark.slow


def test_of_one_stage_run_twice_at_once_the_second_waits(clone):
    before = (clone / "data/prepared.h5").read_bytes()
    both = [start(clone, "python -m stages.prepare") for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum("waiting for another run of stages.prepare in this folder to end" in text for text in said) == 1
    assert (clone / "data/prepared.h5").read_bytes() == before


def test_of_two_repros_at_once_each_ends_well_or_says_why(clone):
    before = lock_of(clone)
    both = [start(clone, "dvc repro --force --single-item prepare") for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert 0 in [one.returncode for one in both], said
    for one, text in zip(both, said, strict=True):
        assert one.returncode == 0 or "is busy" in text or "Unable to acquire lock" in text, text
        assert "Traceback" not in text
    assert executed(dvc(clone, "repro")) == set()
    assert lock_of(clone) == before


def test_a_stage_whose_dvc_was_killed_does_not_write_beside_the_next(clone):
    before, running = lock_of(clone), clone / "data/.prepare.partial"
    first = start(clone, "dvc repro --force --single-item prepare")
    until(running.exists)
    os.kill(first.pid, signal.SIGKILL)  # DVC alone: its stage goes on
    first.wait()
    second = start(clone, "dvc repro --force --single-item prepare")
    said = second.communicate(timeout=120)[0]
    assert second.returncode == 0, said
    assert executed(dvc(clone, "repro")) == set() and lock_of(clone) == before


def test_an_experiment_in_a_folder_of_its_own_beside_a_repro(clone):
    before = lock_of(clone)
    apart = start(clone, "dvc exp run --temp -n apart -S student_seed=7")
    until(lambda: list((clone / ".dvc/tmp/exps/standalone").glob("*/params.yaml")))
    assert executed(dvc(clone, "repro --force --single-item train_controls")) == {"train_controls"}
    assert "auroc.macro" in dvc(clone, "metrics show metrics/student.json --md")
    said = apart.communicate(timeout=300)[0]
    assert apart.returncode == 0, said
    assert lock_of(clone) == before and "student_seed: 7" not in (clone / "params.yaml").read_text()
    assert "apart" in dvc(clone, "exp list --name-only")


@pytest.mark.skipif(not LONG, reason="takes minutes: `make long`")
def test_two_workers_of_a_queue_come_to_what_one_comes_to(clone):
    for temperature in (40, 50):
        dvc(clone, f"exp run --queue -n hot{temperature} -S temperature={temperature}")
    dvc(clone, "queue start -j 2")
    until(lambda: dvc(clone, "queue status").count("Success") == 2, seconds=900)
    shown = "git show $(git for-each-ref --format='%(refname)' refs/exps | grep /hot{}$):dvc.lock"
    together = [run(clone, shown.format(temperature)).stdout for temperature in (40, 50)]
    dvc(clone, "queue stop")
    for temperature, lock in zip((40, 50), together, strict=True):
        assert set(re.findall(r"\btemperature: (\d+)", lock)) == {str(temperature)}
        dvc(clone, f"exp run --force -S temperature={temperature}")
        assert lasting(lock_of(clone)) == lasting(lock)
    run(clone, "git checkout -q . && dvc checkout")
