"""A study of some seconds, run by DVC in a clone of its own as a user would."""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
LONG = "CASES" in os.environ  # `make long`: every case of what is sampled else
NEEDED = (
    ".dvc",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "params.yaml",
    "rayling",
    "stages",
    "data",
    "metrics",
    "plots",
)
MAKERS = ("requirements.txt", "tests/tiny.py", "tests/opened/sitecustomize.py")  # what else decides what comes out


# to the user
SHIPPED = {
    "export@assistant",
    "export@student",
    "quantise",
    "latency",
    "evaluate_external",
    "attribution",
    "cases",
    "report",
}
BELOW_STUDENT = SHIPPED - {"export@assistant"} | {"check", "train_student", "evaluate@student", "controls"}
BELOW_TEMPERATURE = BELOW_STUDENT | {"train_assistant", "dump@assistant", "evaluate@assistant", "export@assistant"}
EVERYTHING = BELOW_TEMPERATURE | {
    "check_backbones",
    "phantom",
    "prepare",
    "prepare_external",
    "embed",
    "train_teacher",
    "train_folds",
    "dump@teacher",
    "train_controls",
    "evaluate@teacher",
    "export@teacher",
}


def environment(**variables: str) -> dict[str, str]:
    """A user's, this interpreter's programs first; no coverage is measured, which takes as long as the stages do."""
    unwanted = ("COV", "RAYLING_", "NPROC")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return plain | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | variables


def run(clone: Path, command: str, **variables: str) -> subprocess.CompletedProcess:
    """A shell command as a user would type it in the clone."""
    return subprocess.run(command, shell=True, cwd=clone, env=environment(**variables), capture_output=True, text=True)


def dvc(clone: Path, arguments: str, **variables: str) -> str:
    """What a DVC command that must succeed prints."""
    done = run(clone, f"dvc {arguments}", **variables)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nstatus {done.returncode}"
    return done.stdout


def start(clone: Path, command: str) -> subprocess.Popen:
    """A command as a user would type it in the clone, in a process group of its own; its output is one pipe."""
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(command.split(), cwd=clone, env=environment(), **settings)


def until(condition, seconds: float = 60) -> None:
    """Wait until the condition holds. Raises AssertionError when the seconds are over."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def executed(output: str) -> set[str]:
    """The stages that ran, by what DVC printed; those restored from its cache did not."""
    return set(re.findall(r"^Running stage '(.+)':", output, re.MULTILINE))


def heard(clone: Path, lines: list[str]) -> dict[tuple[str, str], set[str]]:
    """The files of the clone that tests/opened noted, by what was run (`stages.dump teacher`) and `r` or `w`."""
    files = defaultdict(set)
    for what, how, path in (line.split("\t") for line in lines):
        if Path(path).is_relative_to(clone):
            file = re.sub(r"__pycache__/(\w+)\.cpython-\d+\.pyc(\.\d+)?$", r"\1.py", str(Path(path).relative_to(clone)))
            files[what, how].add(file)
    return files


def lock_of(clone: Path) -> str:
    """The text of dvc.lock: what the study wrote, by its hashes."""
    return (clone / "dvc.lock").read_text()


def lasting(lock: str) -> dict:
    """The stages in a dvc.lock, without those that hold times, which no two runs share."""
    return {name: stage for name, stage in yaml.safe_load(lock)["stages"].items() if name not in ("latency", "report")}


def files(*places: str) -> list[str]:
    """The files in these places of the checkout that git has or would take, without dvc.lock."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *places]
    names = filter(None, subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"))
    return sorted(name for name in names if name != "dvc.lock" and (ROOT / name).is_file())


def fingerprint() -> str:
    """A hash of all that decides what the tiny study writes: its code and parameters, the libraries, the machine."""
    parts = [sys.version, platform.node(), os.environ.get("OMP_NUM_THREADS", "")]
    digests = {name: sha256((ROOT / name).read_bytes()).hexdigest() for name in (*files(*NEEDED), *MAKERS)}
    return sha256(repr((parts, digests)).encode()).hexdigest()[:16]


def clone_into(path: Path) -> Path:
    """What the pipeline needs of this checkout, as git would commit it now, with a study that takes seconds."""
    for name in files(*NEEDED):
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
    study["features"]["grid"], study["cached_views"] = 2, 2
    for network in ("teacher", "assistant", "student"):
        study[network] |= {"epochs": 2, "batch_size": 16}
    study["teacher"]["backbones"] = ["mobilenetv3_small_050", "resnet10t"]
    study["assistant"]["backbone"] = "mobilenetv3_small_050"
    study["teacher"]["size"] = study["assistant"]["size"] = 32
