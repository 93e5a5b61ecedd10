"""The default study as a user runs it: the overhead of DVC and the stages over bare training, and of a sweep.

    python -m tests.benchmarks.pipeline

It runs in a clone of this commit with a copy of this clone's cache, so the study must have been run here (`make`).
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
STAGES = ("phantom", "prepare", "train_teacher", "dump teacher", "train_assistant", "dump assistant")
STAGES += ("train_student", "train_controls", "evaluate teacher", "evaluate assistant", "evaluate student")
TEMPERATURES = (2, 3, 5, 7, 11, 13)  # none of them is in the cache
TRAINED_BY = {"teacher": "train_teacher", "assistant": "train_assistant"}
TRAINED_BY |= {"student": "train_student", "border": "train_controls"}
OF_TEACHER = ("train_teacher", "dump@teacher", "evaluate@teacher")


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
        print(f"\nstages: {listed(stages)}\nbare: {listed(nets)}\n", flush=True)
        chains, swept = [], []
        for temperature in TEMPERATURES:
            chains.append(sum(alone(clone, stage) for stage in CHAIN))
            swept.append(run(clone, "dvc", "exp", "run", "-S", f"temperature={temperature}"))
        ratio = [seconds / chain for (seconds, _), chain in zip(swept, chains, strict=True)]
        print(line(f"{len(TEMPERATURES)} temperatures, each", "the bare chain of a student", ratio, "≤ 1.05"))
    reruns = sum(f"Running stage '{stage}'" in output for _, output in swept for stage in OF_TEACHER)
    print(f"\nstages of the teacher that these ran: {reruns}")


def study(clone: Path) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds of every stage, and of the bare passes of every network.

    The latter are the mean of a measurement before the training and one after it, because the speed of a rented machine
    changes within minutes.
    """
    stages, nets = {}, {}
    for stage in STAGES:
        names = [name for name, trained_by in TRAINED_BY.items() if trained_by == stage]
        before = {name: bare.seconds(name) for name in names}
        stages[stage] = alone(clone, stage)
        nets |= {name: (before[name] + bare.seconds(name)) / 2 for name in names}
    return stages, nets


def clone_into(path: Path) -> Path:
    """Clone this commit with a copy of the cache, so that results of the benchmark do not get into the original."""
    subprocess.run(["git", "clone", "-q", ROOT, path], check=True)
    shutil.copytree(ROOT / ".dvc/cache", path / ".dvc/cache")
    run(path, "dvc", "repro")
    return path


def alone(clone: Path, stage: str) -> float:
    """The seconds of a stage without DVC."""
    return run(clone, sys.executable, "-m", *f"stages.{stage}".split())[0]


def run(clone: Path, *command: str) -> tuple[float, str]:
    """The seconds of a command and its output. Exits with the output if the command fails."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.perf_counter() - start, done.stdout


def listed(times: dict[str, float]) -> str:
    """Names and seconds on one line."""
    return ", ".join(f"{name} {value:.0f} s" for name, value in times.items())


if __name__ == "__main__":
    main()
