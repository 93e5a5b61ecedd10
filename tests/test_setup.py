"""`make setup` says at once what is wrong with the Python that it was given, and leaves nothing behind."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.tiny import ROOT

EXPECTED = "expected 3.11 or later: make PYTHON=python3.11"


def make_setup(folder: Path, python: str) -> subprocess.CompletedProcess:
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.txt", "requirements-pretrained.txt"):
        (folder / name).touch()
    return subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=folder, capture_output=True, text=True)


def test_an_old_python_is_refused(tmp_path):
    old = tmp_path / "python3.10"
    pretend = "import sys; sys.version_info = (3, 10, 4); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$2"\n')
    old.chmod(0o755)
    done = make_setup(tmp_path, str(old))
    assert done.returncode and done.stderr.startswith(f"Python 3.10 found, {EXPECTED}\n")
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_is_not_there_is_told(tmp_path):
    done = make_setup(tmp_path, "python-of-nobody")
    assert done.returncode and done.stderr.startswith(f"Python was not found, {EXPECTED}\n")
    assert not (tmp_path / ".venv").exists()
