"""Run the experiments of the ablation, one after another: `python -m distill.sweep` (`make ablation`).

Each is an experiment of DVC's, `<study>-<learn_from>-T<temperature>-seed<student_seed>`, in a folder of its own
(`--temp`): the workspace stays as it is, and only what git has is used. What was run before is not run again, so a
sweep that was broken off goes on. The teacher is neither trained nor run: its stages must stand finished in the commit.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from distill.errors import BadInput

LESSONS = ("labels", "teacher", "assistant")
OF_TEACHER = ("train_teacher", "dump_teacher")


def main() -> None:
    """What the command line asks for, less what is there."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    asked = arguments(params)
    refuse_unfinished()
    there = set(told("dvc", "exp", "list", "--name-only").split())
    wanted = experiments(params["study"], asked.learn_from, asked.temperature, asked.student_seed)
    missing = {name: settings for name, settings in wanted.items() if name not in there}
    print(f"sweep: {len(wanted)} experiments, {len(wanted) - len(missing)} of them done before", flush=True)
    for number, (name, settings) in enumerate(missing.items(), 1):
        print(f"sweep: {number} of {len(missing)}: {name}", flush=True)
        run(name, settings)


def arguments(params: dict) -> argparse.Namespace:
    """The grid; without arguments the three lessons and five seeds at the study's temperature."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learn-from", nargs="+", choices=LESSONS, default=LESSONS)
    parser.add_argument("--temperature", nargs="+", type=int, default=[params["temperature"]])
    parser.add_argument("--student-seed", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    return parser.parse_args()


def experiments(
    study: str, lessons: list[str], temperatures: list[int], seeds: list[int]
) -> dict[str, dict[str, object]]:
    """Name -> settings of each run. Who learns from labels alone has no temperature: one for all."""
    return {
        f"{study}-{lesson}-T{temperature}-seed{seed}": {
            "learn_from": lesson,
            "temperature": temperature,
            "student_seed": seed,
        }
        for seed in seeds  # outermost, so that a sweep that is broken off has as many runs of each setting
        for lesson in lessons
        for temperature in (temperatures[:1] if lesson == "labels" else temperatures)
    }


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
