"""The command `rayling`: its subcommands, in a clone and installed from the wheel."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rayling.__main__ import COMMANDS
from tests.browser import missing
from tests.predict.test_predict_process import shell
from tests.tiny import ROOT
from web.assemble import assemble


def rayling(*arguments):
    """What `python -m rayling` prints in this clone."""
    return subprocess.run([sys.executable, "-m", "rayling", *arguments], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_its_exit_statuses(name):
    done = rayling(name, "--help")
    assert done.returncode == 0 and f"usage: rayling {name} " in done.stdout
    assert f"example:\n  rayling {name} " in done.stdout and "exit status: 0" in done.stdout
    assert name in rayling().stdout


def test_an_unknown_command_is_refused_with_the_list_of_all():
    done = rayling("predcit")
    assert done.returncode == 2
    assert done.stderr == f"error: found the command 'predcit', expected one of {', '.join(COMMANDS)}\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an empty environment in which the wheel is installed, built from a copy of what git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    python, clone = folder / "venv/bin/python", folder / "clone"
    listing = ["git", "ls-files", "-co", "--exclude-standard", "rayling", "pyproject.toml", "LICENSE"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clone / name)
    if missing() is None:
        assemble(clone / "rayling/page/files")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)

    def pip(*arguments):
        return subprocess.run([python, "-m", "pip", *arguments], capture_output=True, text=True, cwd=folder)

    if pip("download", "--no-deps", "--dest", folder / "probe", "tqdm").returncode:
        pytest.skip("no package registry can be reached")
    for arguments in (["wheel", "--no-deps", clone], ["install", "--find-links", ".", "rayling"]):
        done = pip(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return python


@pytest.mark.slow
def test_the_wheel_answers_in_an_empty_environment_from_any_folder(installed, folder, tmp_path):
    absent = "import importlib.util as u; print([n for n in ('torch', 'dvc', 'pandas', 'scipy') if u.find_spec(n)])"
    assert subprocess.run([installed, "-c", absent], capture_output=True, text=True).stdout == "[]\n"
    shutil.copytree(folder, tmp_path / "films", dirs_exist_ok=True)
    command, here = Path(installed).with_name("rayling"), tmp_path / "films"

    def answers(*arguments):
        done = subprocess.run([command, *arguments], capture_output=True, text=True, cwd=here)
        assert done.returncode == 0, done.stderr
        return done.stdout

    here_too = shell(here, f"{sys.executable} -m rayling predict student.onnx images --json").stdout
    assert answers("predict", "student.onnx", "images", "--json") == here_too and here_too.count("\n") == 4
    assert "SHA-256" in answers("info", "student.onnx")
    answers("explain", "student.onnx", "images/deep/c.png", "why.png")
    assert (here / "why.png").read_bytes()[:4] == b"\x89PNG"
    if missing() is None:
        answers("page", "student.onnx", "page")
        assert (here / "page/vendor/ort-wasm-simd-threaded.wasm").is_file()
