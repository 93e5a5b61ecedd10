"""What only a process of its own shows: what the command needs, names of any bytes, and how it ends."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.tiny import ROOT

NOT_NEEDED = ("torch", "dvc", "pandas", "scipy", "sklearn", "h5py", "matplotlib", "pydantic", "onnx", "ruamel")
COMMAND = f"{sys.executable} -m rayling.predict student.onnx"


def shell(folder, command, **variables):
    """A shell command in the folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)


def test_it_runs_without_torch_and_all_that_it_does_not_need(folder, tmp_path):
    for name in NOT_NEEDED:
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed here')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = shell(folder, f"{COMMAND} images/a.png broken.png --csv", PYTHONPATH=path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "broken.png" in done.stderr, done.stderr
    done = shell(
        folder, f"{COMMAND} images/deep/c.png --explain {tmp_path}/x.png --beside teacher.onnx", PYTHONPATH=path
    )
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "x.png").exists()


def test_names_can_be_any_bytes(folder, tmp_path):
    names = [b"b\xff.png", "Ж.png".encode()]
    for name in names:
        shutil.copy(folder / "images/a.png", os.fsencode(tmp_path) + b"/" + name)
    listing = f"find {tmp_path} -name '*.png' | LC_ALL=C sort"
    assert shell(folder, f"{COMMAND} {tmp_path}", LC_ALL="C.UTF-8").returncode == 0
    rows = csv.DictReader(io.StringIO(shell(folder, f"{COMMAND} {tmp_path} --csv", LC_ALL="C.UTF-8").stdout))
    assert [row["image"] for row in rows] == [f"{tmp_path}/b\\udcff.png", f"{tmp_path}/Ж.png"]
    done = shell(folder, f"{listing} | {COMMAND} - --json", LC_ALL="C.UTF-8")
    found = [os.fsencode(json.loads(line)["image"]) for line in done.stdout.splitlines()]
    assert found == [os.fsencode(tmp_path) + b"/" + name for name in names]


def test_the_reader_of_the_output_may_close_it(folder, tmp_path):
    command = f"{{ {COMMAND} {'images ' * 50} --json; echo $? > {tmp_path}/status; }} | head -1"
    done = shell(folder, command)
    assert done.stderr == "" and done.stdout.count("\n") == 1
    assert (tmp_path / "status").read_text() == "141\n"
    shell(folder, f"{COMMAND} images/deep/c.png --explain {tmp_path}/x.png | true")
    assert (tmp_path / "x.png").exists()


def test_a_full_disk_is_reported_in_one_line(folder):
    done = shell(folder, f"{COMMAND} images/a.png > /dev/full")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr and "standard output" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT")
def test_ctrl_c_ends_it_with_status_130(folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*COMMAND.split(), *["images"] * 2000, "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, **pipes) as process:
        process.stdout.readline()  # it is at work
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.count("\n") == 1


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_stream_that_is_not_needed_may_be_closed(folder, closed):
    command = f"{COMMAND} images/a.png broken.png --csv"
    expected, done = shell(folder, command), shell(folder, f"{command} {closed}")
    assert done.returncode == expected.returncode == 1 and done.stdout == expected.stdout != ""
    assert done.stderr == ("" if closed == "2>&-" else expected.stderr) and "broken.png" in expected.stderr


def test_a_closed_output_is_reported_in_one_line(folder):
    done = shell(folder, f"{COMMAND} images/a.png >&-")
    assert (done.returncode, done.stderr) == (2, "error: standard output: found it closed, expected it open\n")
