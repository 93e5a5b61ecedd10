"""The runs of the current commit, as DVC lists its experiments: which are finished, their scores and their settings."""

import subprocess
from ast import literal_eval
from collections.abc import Iterable, Mapping

import dvc.api
import pandas as pd
from ruamel.yaml import YAML

from rayling.common.errors import BadInput
from rayling.experiments import compare
from rayling.experiments.sweep import OF_TEACHER

# by their keys in metrics/student.json, the scores that are compared
METRICS = {"auroc.macro": "AUROC", "average_precision.macro": "average precision", "f1.macro": "F1"}
OF_EXCLUSIVE = {"accuracy": "accuracy"}  # of classes that exclude one another there is also
OF_ASSISTANT = ("train_assistant", "dump@assistant")
# by `learn_from`, the stages of the networks that the student learns from
STAGES = {"labels": (), "teacher": OF_TEACHER, "assistant": (*OF_TEACHER, *OF_ASSISTANT)}


def listed() -> pd.DataFrame:
    """What `dvc.api.exp_show` lists of the current commit, a row each, if its student belongs to its parameters."""
    rows = pd.DataFrame(dvc.api.exp_show())
    return rows[[lock_matches(row) for _, row in rows.iterrows()]]


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


def finished_runs(
    listed: pd.DataFrame, *, names: list[str], study: str, split: str = "test", metrics: Mapping[str, str] = METRICS
) -> pd.DataFrame:
    """The finished runs of `study`, rows of `listed`, with parameters and scores as `compare.compare` takes them.

    `listed` is what `dvc.api.exp_show` lists, `names` are the dotted names of all parameters. The scores are `metrics`
    of `split`, test or dev; a run that lacks one is left out. A run that is both the commit and an experiment comes
    once. Raises BadInput if there is none.
    """
    unfinished = listed["State"].isin(["Running", "Queued", "Failed"])  # listed with the metrics of the commit
    runs = listed[(listed["study"] == study) & ~unfinished]
    known = [name for name in names if name in runs and not name.startswith("studies.")]
    known += [name for name in names if name.startswith(f"studies.{study}.") and name in runs]
    runs = runs[known].join(scores_of(runs, metrics, split=split)).dropna(subset=list(metrics.values()))
    runs = expand_sources(runs.astype({compare.SEED: int}), f"studies.{study}.data.sources")
    if runs.empty:
        expected = "expected some at this commit: `make ablation` runs them"
        raise BadInput(f"dvc exp show: found no finished run of study {study!r}, {expected}")
    texts = [name for name in runs if not pd.api.types.is_numeric_dtype(runs[name])]
    return runs.astype(dict.fromkeys(texts, str)).drop_duplicates(runs.columns.difference(list(metrics.values())))


def scores_of(listed: pd.DataFrame, metrics: Mapping[str, str], *, split: str = "test") -> pd.DataFrame:
    """The scores of the student on `split` of each row, a column for each of `metrics`; NaN where there is none."""
    scores = pd.DataFrame(index=listed.index)
    for key, name in metrics.items():
        key = key if split == "test" else f"{split}.{key}"
        column = next((c for c in (f"metrics/student.json:{key}", key) if c in listed), None)
        scores[name] = pd.to_numeric(listed[column], errors="coerce") if column else float("nan")
    return scores


def expand_sources(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Replace a column of lists of dictionaries, shown as text, by a column for each value: `<name>.0.reader`, ..."""
    if name not in runs or runs.empty:
        return runs
    sources = [{str(number): source for number, source in enumerate(literal_eval(text))} for text in runs[name]]
    return runs.drop(columns=name).join(pd.json_normalize(sources).add_prefix(f"{name}.").set_index(runs.index))


def varied_settings(runs: pd.DataFrame, metrics: Iterable[str] = METRICS.values()) -> list[str]:
    """The parameters in which the runs differ, except the seed; `learn_from` comes first, and always."""
    columns = [name for name in runs if name not in (compare.SEED, compare.LEARN_FROM, *metrics)]
    return [compare.LEARN_FROM, *(name for name in columns if runs[name].nunique() > 1)]


def shared_parameters(runs: pd.DataFrame, *, study: str) -> dict[str, str]:
    """The parameters that all runs have with one value, as text, by their names: those of the study without its prefix.

    `runs` has the rows and columns of `finished_runs`, or fewer.
    """
    prefix = f"studies.{study}."
    shared = [name for name in runs if runs[name].nunique() == 1]
    return {name.removeprefix(prefix): compare.setting_text(runs[name].iloc[0]) for name in shared}


def flatten(content: dict, prefix: str = "") -> dict[str, object]:
    """The values in nested dictionaries by their dotted names."""
    values = {}
    for key, value in content.items():
        values |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values
