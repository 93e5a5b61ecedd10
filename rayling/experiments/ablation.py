"""What distillation is worth: one table of DVC's experiments, `python -m rayling.experiments.ablation`.

Every experiment of the current commit is one run. The parameters in which runs differ are the settings; runs that
differ in `student_seed` alone are repetitions. Writes table.md, table.csv and gain.png to plots/ablation. With
`--on dev`, the scores are those of dev and the folder is plots/ablation/dev: choose settings by these, because a score
on test is optimistic once settings were chosen by it.
"""

import argparse
import subprocess
from ast import literal_eval
from pathlib import Path

import dvc.api
import pandas as pd
from ruamel.yaml import YAML

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput, run_command
from rayling.config import params
from rayling.experiments import compare
from rayling.experiments.sweep import OF_TEACHER

FOLDER = Path("plots/ablation")
METRICS = {"auroc.macro": "AUROC", "average_precision.macro": "average precision", "f1.macro": "F1"}
OF_ASSISTANT = ("train_assistant", "dump@assistant")
# by `learn_from`, the stages of the networks that the student learns from
STAGES = {"labels": (), "teacher": OF_TEACHER, "assistant": (*OF_TEACHER, *OF_ASSISTANT)}


def main() -> None:
    """Read all runs, compare them, write table and picture, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=["test", "dev"], default="test", help="the split to score on")
    split = parser.parse_args().on
    content = params.read_all()
    study = content["study"]
    listed = pd.DataFrame(dvc.api.exp_show())
    listed = listed[[lock_matches(row) for _, row in listed.iterrows()]]
    runs = finished_runs(listed, names=list(flatten(content)), study=study, split=split)
    if len(runs) < 2:
        raise BadInput("dvc exp list: found no experiment of this commit to compare with it: `make ablation` runs some")
    settings = varied_settings(runs)
    table = compare.compare(runs, metrics=list(METRICS.values()), settings=settings)
    write(FOLDER if split == "test" else FOLDER / split, table, settings=settings, study=study, split=split)
    print(compare.markdown(table, settings=settings))


def lock_matches(row: pd.Series) -> bool:
    """Whether the student of an experiment, a row of `dvc.api.exp_show`, was trained with the parameters of the row.

    If an experiment ran other stages only, its scores are those of whatever was run and committed before.
    """
    if row["rev"] == "workspace":
        return False
    locked = lock_of(row["rev"])
    stages = ("prepare", *STAGES.get(row["learn_from"], ()), "train_student")
    return all(stage_matches(row, locked.get(stage, {})) for stage in stages)


def lock_of(revision: str) -> dict[str, dict]:
    """The stages in dvc.lock at a git revision, by name; none if there is no such file."""
    text = subprocess.run(["git", "show", f"{revision}:./dvc.lock"], capture_output=True, text=True).stdout
    content = YAML(typ="safe").load(text)  # YAML 1.2, as DVC writes it, parsed in C: 0.1 s
    return content["stages"] if content else {}


def stage_matches(row: pd.Series, stage: dict) -> bool:
    """Whether a stage of dvc.lock has parameters, and all of them have the values of the row."""
    values = flatten(stage.get("params", {}).get("params.yaml", {}))
    return bool(values) and all(is_same(row.get(key), value) for key, value in values.items())


def is_same(shown: object, value: object) -> bool:
    """Whether `dvc.api.exp_show` shows this value of dvc.lock: there, integers may be floats, and lists are text."""
    numeric = isinstance(value, int | float) and isinstance(shown, int | float)
    return shown == value if numeric else str(shown) == str(value)


def finished_runs(listed: pd.DataFrame, *, names: list[str], study: str, split: str = "test") -> pd.DataFrame:
    """The finished runs of `study`, one row each, as `compare.compare` takes them.

    `listed` is what `dvc.api.exp_show` lists, `names` are the dotted names of all parameters. The scores are those of
    `split`, test or dev. A run that is both the commit and an experiment comes once. Raises BadInput if there is none.
    """
    unfinished = listed["State"].isin(["Running", "Queued", "Failed"])  # listed with the metrics of the commit
    runs = listed[(listed["study"] == study) & ~unfinished].copy()
    for key, name in METRICS.items():
        key = key if split == "test" else f"{split}.{key}"
        column = next((c for c in (f"metrics/student.json:{key}", key) if c in runs), None)
        runs[name] = pd.to_numeric(runs[column], errors="coerce") if column else float("nan")
    known = [name for name in names if name in runs and not name.startswith("studies.")]
    known += [name for name in names if name.startswith(f"studies.{study}.") and name in runs]
    runs = runs.dropna(subset=list(METRICS.values()))[[*known, *METRICS.values()]].astype({"student_seed": int})
    runs = expand_sources(runs, f"studies.{study}.data.sources")
    if runs.empty:
        expected = "expected some at this commit: `make ablation` runs them"
        raise BadInput(f"dvc exp show: found no finished run of study {study!r}, {expected}")
    texts = [name for name in runs if not pd.api.types.is_numeric_dtype(runs[name])]
    return runs.astype(dict.fromkeys(texts, str)).drop_duplicates(runs.columns.difference(METRICS.values()))


def expand_sources(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Replace a column of lists of dictionaries, shown as text, by a column for each value: `<name>.0.reader`, ..."""
    if name not in runs or runs.empty:
        return runs
    sources = [{str(number): source for number, source in enumerate(literal_eval(text))} for text in runs[name]]
    return runs.drop(columns=name).join(pd.json_normalize(sources).add_prefix(f"{name}.").set_index(runs.index))


def varied_settings(runs: pd.DataFrame) -> list[str]:
    """The parameters in which the runs differ, except the seed; `learn_from` comes first, and always."""
    columns = [name for name in runs if name not in (compare.SEED, compare.LEARN_FROM, *METRICS.values())]
    return [compare.LEARN_FROM, *(name for name in columns if runs[name].nunique() > 1)]


def flatten(content: dict, prefix: str = "") -> dict[str, object]:
    """The values in nested dictionaries by their dotted names."""
    values = {}
    for key, value in content.items():
        values |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


def write(folder: Path, table: pd.DataFrame, *, settings: list[str], study: str, split: str) -> None:
    """Write table.md, table.csv and gain.png of a comparison."""
    with atomic(folder / "table.md") as path:
        path.write_text(compare.markdown(table, settings=settings), encoding="utf-8")
    with_study = table.assign(study=study)[["study", *table]]  # the report shows the table for this study alone
    with atomic(folder / "table.csv") as path:
        with_study.to_csv(path, index=False, lineterminator="\n", float_format="%.6f")
    title = f"{study}, {split}: gain over labels alone"
    compare.draw_gains(folder / "gain.png", table, settings=settings, title=title)


if __name__ == "__main__":
    run_command(main)
