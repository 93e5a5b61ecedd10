"""Stages that are run on several processes."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.tiny import ROOT


def edit(folder: Path, **student: int) -> None:
    """Change settings of the student in params.yaml."""
    content = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8")) | {"learn_from": "labels"}
    settings = content["studies"]["phantom"]
    settings["features"]["grid"], settings["cached_views"] = 2, 3
    settings["student"] |= student
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def about(processes: str, **environment: str) -> dict[str, str]:
    """The environment of a stage, with one thread for each process."""
    return os.environ | {"PYTHONPATH": str(ROOT), "NPROC": processes, "OMP_NUM_THREADS": "1"} | environment


def run(folder: Path, stage: str, processes: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a stage as DVC does."""
    command = [sys.executable, "-m", *stage.split()]
    return subprocess.run(command, cwd=folder, env=about(processes, **environment), capture_output=True, text=True)


def succeed(folder: Path, stage: str, processes: str, **environment: str) -> subprocess.CompletedProcess:
    done = run(folder, stage, processes, **environment)
    assert done.returncode == 0, done.stderr
    return done
