"""Run the experiments of the ablation, one after another: `python -m distill.sweep` (`make ablation`).

Each is an experiment of DVC's, named by its settings, in a folder of its own (`--temp`): the workspace stays as it
is, and only what git has is used. What was run before is not run again, so a sweep that was broken off goes on. The
teacher, whose stages must stand finished in the commit, is neither trained nor run unless its own settings are swept.
"""

import argparse
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

from ruamel.yaml import YAML

from distill.comparison import ALONE, OF_TEACHING
from distill.errors import BadInput

LESSONS = ("labels", "teacher", "assistant")
OF_TEACHER = ("train_teacher", "dump_teacher")


def main() -> None:
    """What the command line asks for, less what is there."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    asked = arguments()
    refuse_unfinished()
    there = set(told("dvc", "exp", "list", "--name-only").split())
    grid = {full(key, params): values for key, *values in asked.set}
    wanted = experiments(params["study"], lessons=asked.learn_from, seeds=asked.student_seed, grid=grid)
    missing = {name: settings for name, settings in wanted.items() if name not in there}
    print(f"sweep: {len(wanted)} experiments, {len(wanted) - len(missing)} of them done before", flush=True)
    for number, (name, settings) in enumerate(missing.items(), 1):
        print(f"sweep: {number} of {len(missing)}: {name}", flush=True)
        run(name, settings)


def arguments() -> argparse.Namespace:
    """The grid; without arguments the three lessons and five seeds, all else as params.yaml has it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn-from", nargs="+", choices=[*LESSONS, "both"], default=LESSONS)
    parser.add_argument("--student-seed", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--set", nargs="+", action="append", default=[], metavar=("KEY", "VALUE"), help="a parameter and its values"
    )
    return parser.parse_args()


def full(key: str, params: dict) -> str:
    """A key as DVC names it: `softening` and `student.lr` are those of the study that runs."""
    study = params["studies"][params["study"]]
    return f"studies.{params['study']}.{key}" if key.split(".")[0] in study else key


def experiments(
    study: str, *, lessons: list[str], seeds: list[int], grid: dict[str, list[str]]
) -> dict[str, dict[str, object]]:
    """Name -> settings of each run, of all combinations of the `grid`, parameter -> values.

    Who learns from labels alone does not read the settings of teaching: one run serves them all.
    """
    found = {}
    for seed, lesson, *values in product(seeds, lessons, *grid.values()):  # a broken sweep has as many runs of each
        settings = dict(zip(grid, values, strict=True))
        if lesson == ALONE:
            settings = {key: value for key, value in settings.items() if not OF_TEACHING.search(key)}
        parts = [study, lesson, f"seed{seed}", *(f"{short(key)}{value}" for key, value in settings.items())]
        name = re.sub(r"[^\w.=-]+", "_", "-".join(parts)).strip("_.")
        found[name] = {"learn_from": lesson, "student_seed": seed} | settings
    return found


def short(key: str) -> str:
    """How an experiment's name tells a parameter: `T` for the temperature, else its last two parts."""
    return "T" if key == "temperature" else "-".join(key.split(".")[2:][-2:] or [key]) + "="


def refuse_unfinished() -> None:
    """Raise `BadInput` if the commit does not hold the finished baseline, whose teacher all runs share."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "dvc.lock", "params.yaml"]).returncode:
        raise BadInput("dvc.lock, params.yaml: found changes that are not committed, expected the baseline in a commit")
    changed = told("dvc", "status", *OF_TEACHER)
    if "up to date" not in changed:
        raise BadInput(f"{', '.join(OF_TEACHER)}: not finished, expected a finished baseline: dvc repro, then commit")


def run(name: str, settings: dict[str, object]) -> None:
    """One experiment. Raises `BadInput` with what DVC said last if it fails."""
    values = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    done = subprocess.run(["dvc", "exp", "run", "--temp", "-n", name, *values], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("error")]
        raise BadInput(f"{name}: {' '.join(lines) or done.stderr[-300:]}")


def told(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(f"error: {error}")
