"""The default study as its user runs it: what DVC and the stages add to bare training, and what a sweep costs.

    python -m tests.benchmarks.pipeline

Works in a clone of this commit, with this clone's cache: the study must have been run here (`make`).
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import bare
from tests.benchmarks.ratio import line

ROOT = Path(__file__).parents[2]
CHAIN = ("train_assistant", "dump assistant", "train_student", "evaluate assistant", "evaluate student")
STAGES = ("phantom", "prepare", "train_teacher", "dump teacher", "train_assistant", "dump assistant", "dump_both")
STAGES += ("train_student", "train_controls", "evaluate teacher", "evaluate assistant", "evaluate student")
TEMPERATURES = (2, 3, 5, 7, 11, 13)  # none of which the cache can hold
TRAINED_BY = {"teacher": "train_teacher", "assistant": "train_assistant"}
TRAINED_BY |= {"student": "train_student", "border": "train_controls"}
TEACHERS = ("train_teacher", "dump_teacher", "evaluate@teacher")


def main() -> None:
    """Print the table."""
    print("| what | against | ratio | goal | on |\n|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        clone = clone_into(Path(folder) / "clone")
        idle = [run(clone, "dvc", "repro")[0] for _ in range(5)]
        print(line("`dvc repro` with nothing to do, seconds", "–", idle, "≤ 2"), flush=True)
        stages, nets = study(clone)
        ratio = [sum(stages.values()) / sum(nets.values())]
        print(line("all stages of the default study", "bare passes of its networks", ratio, "≤ 1.25"))
        print(f"\nstages: {told(stages)}\nbare: {told(nets)}\n", flush=True)
        chains, swept = [], []
        for degrees in TEMPERATURES:
            chains.append(sum(alone(clone, stage) for stage in CHAIN))
            swept.append(run(clone, "dvc", "exp", "run", "-S", f"temperature={degrees}"))
        ratio = [time / chain for (time, _), chain in zip(swept, chains, strict=True)]
        print(line(f"{len(TEMPERATURES)} temperatures, each", "the bare chain of a student", ratio, "≤ 1.05"))
    asked = sum(f"Running stage '{stage}'" in said for _, said in swept for stage in TEACHERS)
    print(f"\nstages of the teacher that these ran: {asked}")


def study(clone: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of every stage, and of the bare passes of every network: the mean of one look before its training and
    one after it, as the speed of a rented machine changes within minutes."""
    stages, nets = {}, {}
    for stage in STAGES:
        names = [name for name, trained_by in TRAINED_BY.items() if trained_by == stage]
        before = {name: bare.seconds(name) for name in names}
        stages[stage] = alone(clone, stage)
        nets |= {name: (before[name] + bare.seconds(name)) / 2 for name in names}
    return stages, nets


def clone_into(path: Path) -> Path:
    """This commit, with a copy of what this clone has in its cache: what is run there must not be found there later."""
    subprocess.run(["git", "clone", "-q", ROOT, path], check=True)
    shutil.copytree(ROOT / ".dvc/cache", path / ".dvc/cache")
    run(path, "dvc", "repro")
    return path


def alone(clone: Path, stage: str) -> float:
    """Seconds of a stage without DVC."""
    return run(clone, sys.executable, "-m", *f"stages.{stage}".split())[0]


def run(clone: Path, *command: str) -> tuple[float, str]:
    """How long a command takes that must succeed, and what it says."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start, done.stdout


def told(times: dict[str, float]) -> str:
    """Names and seconds in a row."""
    return ", ".join(f"{name} {value:.0f} s" for name, value in times.items())


if __name__ == "__main__":
    main()
