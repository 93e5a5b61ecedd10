"""How several processes end: no folder is left, an error is printed once, a signal ends them all."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.runtime.processes import about, edit, run, succeed


@pytest.mark.slow
def test_the_launcher_leaves_no_temporary_folder(study):
    (study / "temporary").mkdir()
    succeed(study, "stages.dump assistant", "2", TMPDIR=str(study / "temporary"))
    assert not list((study / "temporary").glob("torchelastic*"))


# errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "message"),
    [("two", "NPROC: found 'two'"), ("2", "batch_size: found 3 of 48 images for 2 processes")],
)
def test_a_mistake_of_the_user_is_one_line(study, processes, message):
    edit(study, batch_size=3)
    done = run(study, "stages.train_student", processes)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"error: {message}"), done.stderr
    assert not (study / "data/models/student.safetensors").exists()


FAILING = """
import os
from rayling.common.errors import BadInput
from rayling.runtime import distributed
def main():
    if os.environ["RANKS"] in ("both", str(distributed.rank())):
        raise {"BadInput": BadInput, "OSError": OSError, "bug": KeyError}[os.environ["KIND"]]("of this image")
    distributed.barrier()
if __name__ == "__main__":
    distributed.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ranks", ["0", "1", "both"])
@pytest.mark.parametrize("kind", ["BadInput", "OSError", "bug"])
def test_an_error_of_a_worker_is_printed_once(study, ranks, kind):
    (study / "failing.py").write_text(FAILING)
    done = run(study, "failing", "2", RANKS=ranks, KIND=kind)
    assert done.returncode == 1
    if kind == "bug":
        assert done.stderr.count("Traceback") == 1 and done.stderr.endswith("\nKeyError: 'of this image'\n")
    else:
        assert done.stderr == "error: of this image\n"


# signals


@pytest.fixture
def endless(study):
    """A function that starts a training on two processes that takes hours; Ctrl-C is a SIGINT to its process group."""
    edit(study, epochs=100_000)
    started = []

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "stages.train_student"]
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        stage = subprocess.Popen(command, cwd=study, env=about("2"), start_new_session=True, **streams)
        started.append(stage)
        return stage

    yield start
    for stage in started:
        stage.kill()
        stage.communicate()


def wait_until(condition, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def workers(stage: subprocess.Popen) -> list[psutil.Process]:
    """The processes that the launcher has started, and those that they have started."""
    return psutil.Process(stage.pid).children(recursive=True)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["importing", "training"])
@pytest.mark.parametrize(("number", "to_group"), [("SIGINT", True), ("SIGTERM", False), ("SIGKILL", False)])
def test_a_signal_to_the_launcher_ends_all_processes_within_seconds(study, endless, number, to_group, when):
    stage, sent = endless(), signal.Signals[number]
    if when == "importing":
        wait_until(lambda: len(workers(stage)) >= 2, seconds=60)
    else:
        wait_until(lambda: list((study / "data/checkpoints").glob("*/student.pt")), seconds=120)
    started = workers(stage)
    (os.killpg if to_group else os.kill)(stage.pid, sent)
    status = stage.wait(15)  # torch's launcher would wait 30 s for workers that ignore the signal
    assert status in (-sent, 128 + sent)
    assert not psutil.wait_procs(started, timeout=15)[1]
    assert stage.stderr.read() == ("interrupted\n" if sent == signal.SIGINT else "")
    assert not (study / "data/models/student.safetensors").exists()
