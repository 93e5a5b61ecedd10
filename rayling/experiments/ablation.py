"""What distillation is worth: one table of DVC's experiments, `python -m rayling.experiments.ablation`.

Every experiment of the current commit is one run. The parameters in which runs differ are the settings; runs that
differ in `student_seed` alone are repetitions. Writes table.md, table.csv, gain.png and params.json, the
parameters that all runs share, to plots/ablation. With
`--on dev`, the scores are those of dev and the folder is plots/ablation/dev: choose settings by these, because a score
on test is optimistic once settings were chosen by it. With `--external FOLDER`, the scores on test stand beside those
on films of FOLDER, and the folder is plots/ablation/external.
"""

import argparse
import subprocess
from pathlib import Path

import pandas as pd

from rayling.common.atomic import atomic, write_json
from rayling.common.errors import BadInput, run_command
from rayling.config import params
from rayling.config.schema import Data
from rayling.experiments import compare, external
from rayling.experiments import runs as experiments

FOLDER = Path("plots/ablation")


def main() -> None:
    """Read all runs, compare them, write table and picture, and print the table."""
    options, content = arguments(), params.read_all()
    study, data = content["study"], params.read("data").data
    listed = experiments.listed()
    metrics = metrics_of(data, options)
    about = {"names": list(experiments.flatten(content)), "study": study, "split": options.on, "metrics": metrics}
    runs = experiments.finished_runs(listed, **about)
    if len(runs) < 2:
        raise BadInput("dvc exp list: found no experiment of this commit to compare with it: `make ablation` runs some")
    settings, names, title = experiments.varied_settings(runs, metrics.values()), list(metrics.values()), options.on
    if options.external:
        films = external.Films(options.external, data, study=study, source=options.external_source)
        runs, names = with_external(runs, listed.loc[runs.index], films, per_label=options.per_label)
        title = f"test, and {len(films)} films of {options.external.name}"
    table = compare.compare(runs, metrics=names, settings=settings)
    form = compare.side_by_side if options.external else compare.markdown
    text = form(table, settings=settings) + compare.note(table)
    folder, of_all = folder_of(options), runs.columns.difference([*names, compare.SEED, compare.LEARN_FROM])
    write(folder, table, text, settings=settings, study=study, title=title)
    write_json(folder / "params.json", experiments.shared_parameters(runs[of_all], study=study))
    print(text)


def arguments() -> argparse.Namespace:
    """The command line. Raises BadInput for options that do not go together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=["test", "dev"], default="test", help="the split to score on")
    parser.add_argument("--external", type=Path, metavar="FOLDER", help="films that no run has seen, to score on too")
    text = "the source of the study whose layout FOLDER has, from 0"
    parser.add_argument("--external-source", type=int, default=0, metavar="N", help=text)
    parser.add_argument("--per-label", action="store_true", help="with --external: the AUROC of each label too")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"where to write, by default below {FOLDER}")
    options = parser.parse_args()
    if options.external and options.on == "dev":
        raise BadInput("--external: found --on dev, expected test: what is chosen by films is not measured by them")
    if options.per_label and not options.external:
        raise BadInput("--per-label: found no --external, expected it too")
    return options


def folder_of(options: argparse.Namespace) -> Path:
    """Where the table goes."""
    if options.output:
        return options.output
    return FOLDER / "external" if options.external else FOLDER / ("" if options.on == "test" else options.on)


def metrics_of(data: Data, options: argparse.Namespace) -> dict[str, str]:
    """The names of the scores of the split, by their keys in metrics/student.json, that every run must have."""
    if options.external:
        return external.metrics_of(data, per_label=False)
    return experiments.METRICS | (experiments.OF_EXCLUSIVE if data.exclusive else {})


def with_external(
    runs: pd.DataFrame, listed: pd.DataFrame, films: external.Films, *, per_label: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The runs with their scores on films too, as "AUROC, external" beside "AUROC", and the names of all scores.

    `listed` has the row of each run, in their order. Scores that no run has are left out.
    """
    metrics, suffix = external.metrics_of(films.data, per_label=per_label), f", {compare.EXTERNAL}"
    cache = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    outside = external.scores_of(listed, films, cache=Path(cache))[list(metrics.values())]
    inside = experiments.scores_of(listed, metrics)
    scores = inside.join(outside.add_suffix(suffix)).dropna(axis="columns", how="all")
    names = [name for inner in metrics.values() for name in (inner, inner + suffix) if name in scores]
    return runs.drop(columns=runs.columns.intersection(names)).join(scores[names]), names


def write(folder: Path, table: pd.DataFrame, text: str, *, settings: list[str], study: str, title: str) -> None:
    """Write a comparison: its `text` as table.md, table.csv, and gain.png, which leaves out single labels."""
    with atomic(folder / "table.md") as path:
        path.write_text(text, encoding="utf-8")
    with_study = table.assign(study=study)[["study", *table]]  # the report shows the table for this study alone
    with atomic(folder / "table.csv") as path:
        with_study.to_csv(path, index=False, lineterminator="\n", float_format="%.6f")
    title = f"{study}, {title}: gain over labels alone"
    drawn = table[~table["metric"].str.startswith(external.OF_LABEL)]
    compare.draw_gains(folder / "gain.png", drawn, settings=settings, title=title)


if __name__ == "__main__":
    run_command(main)
