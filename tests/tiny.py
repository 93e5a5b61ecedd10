"""A study of some seconds, run by DVC in a clone of its own as a user would."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LONG = "CASES" in os.environ  # `make long`: every case of what is sampled else

BELOW_TEMPERATURE = {
    "check",
    "train_assistant",
    "dump_assistant",
    "dump_both",  # takes a second: empty unless the student learns from both
    "train_student",
    "evaluate@assistant",
    "evaluate@student",
    "export@assistant",
    "export@student",
    "quantise",
    "latency",
    "cases",
    "controls",
    "curves",
    "report",
}
SHIPPED = {"export@assistant", "export@student", "quantise", "latency", "cases", "report"}  # to the user
BELOW_STUDENT = SHIPPED - {"export@assistant"} | {"check", "train_student", "evaluate@student", "controls", "curves"}
BELOW_LESSON = BELOW_STUDENT | {"dump_both"}
EVERYTHING = BELOW_TEMPERATURE | {
    "check_backbones",
    "phantom",
    "prepare",
    "train_teacher",
    "dump_teacher",
    "train_controls",
    "evaluate@teacher",
    "export@teacher",
}


def environment(**variables: str) -> dict[str, str]:
    """A user's, this interpreter's programs first; no coverage is measured, which takes as long as the stages do."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return plain | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | variables


def run(clone: Path, command: str, **variables: str) -> subprocess.CompletedProcess:
    """A shell command as a user would type it in the clone."""
    return subprocess.run(command, shell=True, cwd=clone, env=environment(**variables), capture_output=True, text=True)


def dvc(clone: Path, arguments: str, **variables: str) -> str:
    """What a DVC command that must succeed prints."""
    done = run(clone, f"dvc {arguments}", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lasting(lock: str) -> dict:
    """What a dvc.lock holds but times, which no two runs share, and what tells them."""
    return {name: stage for name, stage in yaml.safe_load(lock)["stages"].items() if name not in ("latency", "report")}


def executed(output: str) -> set[str]:
    """The stages that ran; those restored from the cache did not."""
    return set(re.findall(r"^Running stage '(.+)':", output, re.MULTILINE))


def clone_into(path: Path) -> Path:
    """What git would commit of this checkout now, with a study that takes seconds, as a repository at `path`."""
    files = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, text=True)
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    edit(path, shrink)
    run(path, "git init -q -b main && git config user.name test && git config user.email test@localhost")
    assert run(path, "git add . && git commit -qm 'a tiny study'").returncode == 0
    return path


def edit(clone: Path, change) -> None:
    """Change params.yaml in place."""
    file = clone / "params.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def shrink(content: dict) -> None:
    """The default study, small."""
    content["phantom"] |= {"patients": 24, "valid_patients": 16, "size": 48}
    study = content["studies"]["phantom"]
    study["data"] |= {"labels": ["Cardiomegaly", "Pleural Effusion", "Support Devices"], "size": 32, "dev": 0.3}
    study["cached_views"] = 2
    for network in ("teacher", "assistant", "student"):
        study[network] |= {"epochs": 2, "batch_size": 16}
    study["teacher"]["backbones"] = ["mobilenetv3_small_050", "resnet10t"]
    study["assistant"]["backbone"] = "mobilenetv3_small_050"
