"""Run the experiments of the ablation, one after another: `python -m distill.sweep` (`make ablation`).

Each is an experiment of DVC's, named by its settings, in a folder of its own (`--temp`): the workspace stays as it
is, and only what git has is used. Only what the student needs is run: the numbers of the other networks may be the
commit's. What was run before is not run again, so a sweep that was broken off goes on. The teacher, whose stages must
stand finished in the commit, is neither trained nor run unless what it learns from is swept.
"""

import argparse
import re
import subprocess
import sys
from copy import deepcopy
from functools import reduce
from itertools import product
from operator import getitem

from pydantic import ValidationError
from ruamel.yaml import YAML
from tqdm import tqdm

from distill import command
from distill.comparison import ALONE, OF_TEACHING
from distill.errors import BadInput
from distill.schema import Params

LESSONS = ("labels", "teacher", "assistant")
OF_TEACHER = ("train_teacher", "dump_teacher")
TARGET = "evaluate@student"  # and what it needs: who learns from the teacher needs no assistant of the same temperature


def main() -> None:
    """What the command line asks for, less what was run before."""
    params = command.parameters()
    asked = arguments()
    refuse_unfinished()
    there = set(told("dvc", "exp", "list", "--name-only").split())
    grid = grid_of(asked.set, params)
    wanted = experiments(params["study"], lessons=asked.learn_from, seeds=asked.student_seed, grid=grid)
    missing = {name: settings for name, settings in wanted.items() if name not in there}
    print(f"sweep: {len(wanted)} experiments, {len(wanted) - len(missing)} of them done before", flush=True)
    with tqdm(missing.items(), desc="sweep", unit="experiment", disable=None, leave=False) as bar:
        for number, (name, settings) in enumerate(bar, 1):
            tqdm.write(f"sweep: {number} of {len(missing)}: {name}", file=sys.stderr)
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


def grid_of(asked: list[list[str]], params: dict) -> dict[str, list[str]]:
    """The parameters as DVC names them, each with its values. Raises `BadInput` for what no run could have."""
    grid = {}
    for short, *values in asked:
        key = full(short, params)
        if key in ("study", "learn_from", "student_seed"):
            raise BadInput(f"--set {short}: expected another parameter: a sweep has one study, --learn-from and seeds")
        if not values or key in grid:
            what = "it twice" if values else "no value"
            raise BadInput(f"--set {short}: found {what}, expected it once, with its values: --set temperature 2 30")
        if key.startswith("studies.") and not key.startswith(f"studies.{params['study']}."):
            raise BadInput(f"--set {short}: expected a parameter of the study that runs, {params['study']}")
        for value in values:
            refuse_wrong(short, key, value, params)
        grid[key] = values
    return grid


def refuse_wrong(short: str, key: str, value: str, params: dict) -> None:
    """Raise `BadInput` if params.yaml has no such key, or could not have this value there."""
    changed = deepcopy(params)
    *path, last = (int(part) if part.isdecimal() else part for part in key.split("."))
    try:
        place = reduce(getitem, path, changed)
        place[last]  # a new key would need DVC's plus
        place[last] = YAML(typ="safe", pure=True).load(value)
        Params.model_validate(changed)
    except (LookupError, TypeError):
        raise BadInput(f"--set {short}: {key} is not in params.yaml") from None
    except ValidationError as error:
        raise BadInput(f"--set {short}: found {value!r}: {error.errors()[0]['msg']}") from None


def full(key: str, params: dict) -> str:
    """A key as DVC names it: `softening` and `student.lr` are those of the study that runs."""
    study = params["studies"][params["study"]]
    return f"studies.{params['study']}.{key}" if key.split(".")[0] in study else key


def experiments(
    study: str, *, lessons: list[str], seeds: list[int], grid: dict[str, list[str]]
) -> dict[str, dict[str, object]]:
    """Name -> settings of each run, of all combinations of the `grid`, parameter -> values.

    Who learns from labels alone does not read the settings of teaching: one run serves them all. Raises `BadInput` if
    two runs would have one name.
    """
    found = {}
    for seed, lesson, *values in product(seeds, lessons, *grid.values()):  # a broken sweep has as many runs of each
        settings = dict(zip(grid, values, strict=True))
        if lesson == ALONE:
            settings = {key: value for key, value in settings.items() if not OF_TEACHING.search(key)}
        name = name_of([study, lesson, f"seed{seed}"], settings)
        run = {"learn_from": lesson, "student_seed": seed} | settings
        if found.setdefault(name, run) != run:
            raise BadInput(f"{name}: would be the name of {found[name]} and of {run}, expected values that differ more")
    return found


def name_of(parts: list[str], settings: dict[str, object]) -> str:
    """The name of an experiment, in letters that git takes: `T2` for the temperature, a study's key from below it."""
    told = {key.removeprefix(f"studies.{parts[0]}."): value for key, value in settings.items()}
    parts = parts + [f"T{value}" if key == "temperature" else f"{key}={value}" for key, value in told.items()]
    return re.sub(r"[^\w.=-]+", "_", "-".join(parts)).strip("_.")


def refuse_unfinished() -> None:
    """Raise `BadInput` if the commit does not hold the finished baseline, whose teacher all runs share."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "dvc.lock", "params.yaml"]).returncode:
        raise BadInput("dvc.lock, params.yaml: found changes that are not committed, expected the baseline in a commit")
    changed = told("dvc", "status", *OF_TEACHER)
    if "up to date" not in changed:
        why = " ".join(changed.split())
        raise BadInput(f"expected a finished baseline (dvc repro, then commit), found by dvc status: {why}")


def run(name: str, settings: dict[str, object]) -> None:
    """One experiment. Raises `BadInput` with what DVC said last if it fails."""
    values = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    here = ["--temp", "--allow-missing"]  # raw data that DVC does not track stays behind
    done = subprocess.run(["dvc", "exp", "run", TARGET, *here, "-n", name, *values], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("error: ")]
        raise BadInput(f"{name}: {lines[0].partition(': ')[2] if lines else done.stderr[-300:]}")


def told(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    command.run(main)
