"""What teaching is worth: one table out of DVC's experiments, `python -m distill.ablation`.

Every experiment of the present commit, whoever ran it, is one run; the parameters in which they differ are the
settings. Runs that differ in `student_seed` alone are repetitions. Writes table.md, table.csv and gain.png to
plots/ablation; with `--on dev` those of dev, by which settings are chosen, to plots/ablation/dev: who chose by test
would have no number left to believe.
"""

import argparse
import re
import subprocess
from ast import literal_eval
from pathlib import Path

import dvc.api
import pandas as pd
from ruamel.yaml import YAML

from distill import command, comparison, gains
from distill.atomic import atomic
from distill.errors import BadInput

FOLDER = Path("plots/ablation")
OF_TEACHER, OF_ASSISTANT = ("train_teacher", "dump_teacher"), ("train_assistant", "dump_assistant")
TAUGHT_BY = {"labels": (), "teacher": OF_TEACHER}  # else by the assistant, and so by both
METRICS = {"auroc.macro": "AUROC", "average_precision.macro": "average precision", "f1.macro": "F1"}


def main() -> None:
    """Read, compare, write, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=["test", "dev"], default="test", help="the split to score on")
    split = parser.parse_args().on
    folder = FOLDER if split == "test" else FOLDER / split
    params = command.parameters()
    shown = pd.DataFrame(dvc.api.exp_show())
    shown = shown[[trained_as_it_says(row) for _, row in shown.iterrows()]]
    runs = tidy(shown, names=list(flat(params)), study=params["study"], split=split)
    if len(runs) < 2:
        raise BadInput("dvc exp list: found no experiment of this commit to compare with it: `make ablation` runs some")
    settings = varied(runs)
    table = comparison.compare(runs, metrics=list(METRICS.values()), settings=settings)
    text = comparison.markdown(table, settings=settings)
    with atomic(folder / "table.md") as path:
        path.write_text(text, encoding="utf-8")
    table.insert(0, "study", params["study"])  # for the report, which shows it of no other
    with atomic(folder / "table.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n", float_format="%.6f")
    title = f"{params['study']}, {split}: gain over the student alone"
    gains.draw(folder / "gain.png", table, settings=settings, title=title)
    print(text)


def trained_as_it_says(row: pd.Series) -> bool:
    """Whether the student of a run that DVC lists was made with the parameters that stand there, and so has its scores.

    Where only other stages were run, the scores are those of whatever was run and committed before.
    """
    if row["rev"] == "workspace":
        return False
    shown = subprocess.run(["git", "show", f"{row['rev']}:./dvc.lock"], capture_output=True, text=True).stdout
    stages = ("prepare", *TAUGHT_BY.get(row["learn_from"], (*OF_TEACHER, *OF_ASSISTANT)), "train_student")
    return all(made_with(row, stage, lock=shown) for stage in stages)


def made_with(row: pd.Series, stage: str, *, lock: str) -> bool:
    """Whether dvc.lock has a stage, and all parameters there are those of the row."""
    block = re.search(rf"(?ms)^  {stage}:\n.*?(?=^  \S|\Z)", lock)
    read = YAML(typ="safe", pure=True).load(block[0])[stage]["params"]["params.yaml"] if block else {}
    return bool(read) and all(same(row.get(key), value) for key, value in flat(read).items())


def same(shown: object, value: object) -> bool:
    """Whether DVC's table shows a value of dvc.lock: numbers there may have become floats, lists text."""
    numeric = isinstance(value, int | float) and isinstance(shown, int | float)
    return shown == value if numeric else str(shown) == str(value)


def tidy(shown: pd.DataFrame, *, names: list[str], study: str, split: str = "test") -> pd.DataFrame:
    """The finished runs of `study` as `comparison.compare` wants them; what the commit and an experiment share, once.

    `shown` is what `dvc.api.exp_show` lists, `names` the dotted names of all parameters; the scores are those of the
    `split`, test or dev. Raises `BadInput` if no run has been finished.
    """
    under_way = shown["State"].isin(["Running", "Queued", "Failed"])  # listed with the metrics of the commit
    runs = shown[(shown["study"] == study) & ~under_way].copy()
    for key, name in METRICS.items():
        key = key if split == "test" else f"{split}.{key}"
        column = next((c for c in (f"metrics/student.json:{key}", key) if c in runs), None)
        runs[name] = pd.to_numeric(runs[column], errors="coerce") if column else float("nan")
    known = [name for name in names if name in runs and not name.startswith("studies.")]
    known += [name for name in names if name.startswith(f"studies.{study}.") and name in runs]
    runs = runs.dropna(subset=list(METRICS.values()))[[*known, *METRICS.values()]].astype({"student_seed": int})
    runs = spread(runs, f"studies.{study}.data.sources")
    if runs.empty:
        raise BadInput(
            f"dvc exp show: found no finished run of study {study!r} at this commit: `make ablation` runs some"
        )
    texts = [name for name in runs if not pd.api.types.is_numeric_dtype(runs[name])]
    return runs.astype(dict.fromkeys(texts, str)).drop_duplicates(runs.columns.difference(METRICS.values()))


def spread(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """A list of blocks, which DVC lists as one text, as a column for each of their values: `<name>.0.reader` …"""
    if name not in runs or runs.empty:
        return runs
    blocks = [{str(number): block for number, block in enumerate(literal_eval(text))} for text in runs[name]]
    return runs.drop(columns=name).join(pd.json_normalize(blocks).add_prefix(f"{name}.").set_index(runs.index))


def varied(runs: pd.DataFrame) -> list[str]:
    """The parameters in which the runs differ; `learn_from` first, and always."""
    columns = [name for name in runs if name not in (comparison.SEED, comparison.LESSON, *METRICS.values())]
    return [comparison.LESSON, *(name for name in columns if runs[name].nunique() > 1)]


def flat(content: dict, prefix: str = "") -> dict[str, object]:
    """The values in nested dictionaries by their dotted names."""
    values = {}
    for key, value in content.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


if __name__ == "__main__":
    command.run(main)
