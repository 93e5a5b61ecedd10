"""Runs a grid of DVC experiments, one after another: `python -m rayling.experiments.sweep` (`make ablation`).

Each experiment is named by its settings and runs in a folder of its own (`--temp`): the workspace stays as it is, and
only what is committed is used. Only what the student needs is run, so the numbers of the other networks may be those
of the commit. The student is exported, so that `ablation --external` can run it. Experiments that exist are not run
again: a sweep that was interrupted continues. The commit must hold the finished teacher; it is trained again only where
the grid changes what it depends on.
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
from ruamel.yaml import YAML, YAMLError
from tqdm import tqdm

from rayling.common.errors import BadInput, run_command
from rayling.config import params
from rayling.config.schema import Params
from rayling.experiments.compare import LABELS, is_read_alone

CHOICES = ("labels", "teacher", "assistant")
OF_TEACHER = ("embed", "train_teacher", "train_folds", "dump@teacher")
TARGET = "export@student"  # and what it depends on: a student of the teacher needs no assistant


def main() -> None:
    """Run the experiments of the grid that do not exist yet."""
    content, options = params.read_all(), arguments()
    refuse_detached()
    refuse_unfinished()
    grid = grid_of(options.set, content)
    study, seeds = content["study"], options.student_seed
    lesson = content["studies"][study]["lesson"]
    wanted = experiments(study, learn_from=options.learn_from, seeds=seeds, grid=grid, lesson=lesson)
    existing = set(output_of("dvc", "exp", "list", "--name-only").split())
    missing = {name: settings for name, settings in wanted.items() if name not in existing}
    print(f"sweep: {len(wanted)} experiments, {len(wanted) - len(missing)} of them already done", flush=True)
    with tqdm(missing.items(), desc="sweep", unit="experiment", disable=None, leave=False) as bar:
        for number, (name, settings) in enumerate(bar, 1):
            tqdm.write(f"sweep: {number} of {len(missing)}: {name}", file=sys.stderr)
            run(name, settings)


def arguments() -> argparse.Namespace:
    """The command line. By default all three values of `learn_from` and five seeds, with params.yaml as it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn-from", nargs="+", choices=CHOICES, default=CHOICES)
    parser.add_argument("--student-seed", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--set", nargs="+", action="append", default=[], metavar=("KEY", "VALUE"), help="a parameter and its values"
    )
    return parser.parse_args()


def grid_of(options: list[list[str]], content: dict) -> dict[str, list[str]]:
    """The values of each parameter by its full key, from the `--set` options and the `content` of params.yaml.

    Raises BadInput for a key that params.yaml lacks or a sweep cannot vary, and for a value that it could not have.
    """
    grid, typed = {}, {}
    for short, *values in options:
        key = full_key(short, content)
        if key in ("study", "learn_from", "student_seed"):
            raise BadInput(f"--set {short}: expected another parameter: a sweep has one study, --learn-from and seeds")
        if not values or key in grid:
            found = "it twice" if values else "no value"
            raise BadInput(f"--set {short}: found {found}, expected it once, with its values: --set temperature 2 30")
        if key.startswith("studies.") and not key.startswith(f"studies.{content['study']}."):
            raise BadInput(f"--set {short}: expected a parameter of the study that runs, {content['study']}")
        grid[key], typed[key] = values, short
    for values in product(*grid.values()):
        refuse_wrong(dict(zip(grid, values, strict=True)), typed, content)
    return grid


def full_key(key: str, content: dict) -> str:
    """A key as DVC names it: `student.lr` is a key of the study that runs."""
    study = content["studies"][content["study"]]
    return f"studies.{content['study']}.{key}" if key.split(".")[0] in study else key


def refuse_wrong(settings: dict[str, str], typed: dict[str, str], content: dict) -> None:
    """Raise BadInput if params.yaml lacks a key of the `settings` of one experiment, or could not have them together.

    `typed` are the keys as the user typed them.
    """
    changed = deepcopy(content)
    for key, value in settings.items():
        *path, last = (int(part) if part.isdecimal() else part for part in key.split("."))
        try:
            block = reduce(getitem, path, changed)
            block[last]  # -S changes existing keys only
            block[last] = YAML(typ="safe", pure=True).load(value)
        except (LookupError, TypeError):
            raise BadInput(f"--set {typed[key]}: {key} is not in params.yaml") from None
        except YAMLError:
            raise BadInput(f"--set {typed[key]}: found {value!r}, expected a value in YAML") from None
    try:
        Params.model_validate(changed)
    except ValidationError as error:
        found = ", ".join(f"--set {typed[key]}: found {value!r}" for key, value in settings.items())
        raise BadInput(f"{found}: {error.errors()[0]['msg']}") from None


def experiments(
    study: str, *, learn_from: list[str], seeds: list[int], grid: dict[str, list[str]], lesson: str
) -> dict[str, dict[str, object]]:
    """The settings of each experiment by its name, for all combinations of the values in `grid`.

    `lesson` is the value of that parameter where the grid has no other.
    A student that learns from labels alone does not read the settings of distillation, so one run stands for all of
    them. Raises BadInput if two experiments would have the same name.
    """
    found = {}
    # seed by seed, so that an interrupted sweep has as many runs of each setting
    for seed, network, *values in product(seeds, learn_from, *grid.values()):
        settings = dict(zip(grid, values, strict=True))
        if network == LABELS:
            own = settings.get(f"studies.{study}.lesson", lesson)
            settings = {key: value for key, value in settings.items() if is_read_alone(key, lesson=own)}
        name = name_of(study, network, seed, settings)
        settings = {"learn_from": network, "student_seed": seed} | settings
        if found.setdefault(name, settings) != settings:
            raise BadInput(
                f"{name}: found this name for {found[name]} and {settings}, expected values that differ more"
            )
    return found


def name_of(study: str, learn_from: str, seed: int, settings: dict[str, object]) -> str:
    """The name of an experiment, in characters that git allows: `phantom-teacher-seed1-T30-student.lr=0.01`."""
    parts = [study, learn_from, f"seed{seed}"]
    for key, value in settings.items():
        short = key.removeprefix(f"studies.{study}.")
        parts.append(f"T{value}" if key == "temperature" else f"{short}={value}")
    return re.sub(r"[^\w.=-]+", "_", "-".join(parts)).strip("_.")


def refuse_detached() -> None:
    """Raise BadInput if git has no current branch because a `dvc exp run` was killed.

    DVC detaches HEAD while it runs an experiment in the workspace, and SIGTERM leaves it so (dvc #10655). What is
    committed then belongs to no branch.
    """
    detached = subprocess.run(["git", "symbolic-ref", "--quiet", "HEAD"], capture_output=True).returncode
    by_dvc = subprocess.run(
        ["git", "rev-parse", "--quiet", "--verify", "refs/exps/exec/EXEC_HEAD"], capture_output=True
    )
    if detached and not by_dvc.returncode:
        way_out = "`git switch` to yours, then `git restore params.yaml`"
        raise BadInput(f"git: found a detached HEAD, as a killed `dvc exp run` leaves it, expected a branch: {way_out}")


def refuse_unfinished() -> None:
    """Raise BadInput unless the commit holds the finished teacher, which all experiments share."""
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "dvc.lock", "params.yaml"]).returncode:
        raise BadInput("dvc.lock, params.yaml: found uncommitted changes, expected a committed baseline")
    status = " ".join(output_of("dvc", "status", *OF_TEACHER).split())
    if "up to date" not in status:
        raise BadInput(f"dvc status: found {status}, expected a finished baseline: run `dvc repro`, then commit")


def run(name: str, settings: dict[str, object]) -> None:
    """Run one experiment. Raises BadInput with DVC's error message if it fails."""
    options = ["--temp", "--allow-missing", "-n", name]  # raw data that DVC does not track may be missing
    options += [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    done = subprocess.run(["dvc", "exp", "run", TARGET, *options], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith("error: ")]
        raise BadInput(f"{name}: {lines[0].partition(': ')[2] if lines else done.stderr[-300:]}")


def output_of(*command: str) -> str:
    """The standard output of a command. Raises CalledProcessError if it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    run_command(main)
