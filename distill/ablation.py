"""What teaching is worth: one table out of DVC's experiments, `python -m distill.ablation`.

Every experiment of the present commit, whoever ran it, is one run; the parameters in which they differ are the
settings. Runs that differ in `student_seed` alone are repetitions. Writes plots/ablation/table.md, table.csv, gain.png.
"""

import sys
from pathlib import Path

import dvc.api
import pandas as pd
from ruamel.yaml import YAML

from distill import comparison, gains
from distill.atomic import atomic
from distill.errors import BadInput

FOLDER = Path("plots/ablation")
METRICS = {"auroc.macro": "AUROC", "average_precision.macro": "average precision", "f1.macro": "F1"}


def main() -> None:
    """Read, compare, write, and print the table."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    runs = tidy(pd.DataFrame(dvc.api.exp_show()), names=flat(params), study=params["study"])
    settings = varied(runs)
    table = comparison.compare(runs, metrics=list(METRICS.values()), settings=settings)
    text = comparison.markdown(table, settings=settings)
    with atomic(FOLDER / "table.md") as path:
        path.write_text(text, encoding="utf-8")
    with atomic(FOLDER / "table.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n", float_format="%.6f")
    gains.draw(FOLDER / "gain.png", table, settings=settings, title=f"{params['study']}: gain over the student alone")
    print(text)


def tidy(shown: pd.DataFrame, *, names: list[str], study: str) -> pd.DataFrame:
    """The finished runs of `study` as `comparison.compare` wants them; what the commit and an experiment share, once.

    `shown` is what `dvc.api.exp_show` lists, `names` the dotted names of all parameters. Raises `BadInput` if no run
    has been finished.
    """
    under_way = shown["State"].isin(["Running", "Queued", "Failed"])  # listed with the metrics of the commit
    runs = shown[(shown["rev"] != "workspace") & (shown["study"] == study) & ~under_way].copy()
    for key, name in METRICS.items():
        column = next((c for c in (f"metrics/student.json:{key}", key) if c in runs), None)
        runs[name] = pd.to_numeric(runs[column], errors="coerce") if column else float("nan")
    known = [name for name in names if name in runs and not name.startswith("studies.")]
    known += [name for name in names if name.startswith(f"studies.{study}.") and name in runs]
    runs = runs.dropna(subset=list(METRICS.values()))[[*known, *METRICS.values()]].astype({"student_seed": int})
    if runs.empty:
        raise BadInput(
            f"dvc exp show: found no finished run of study {study!r} at this commit: `make ablation` runs some"
        )
    lists = [name for name in known if not pd.api.types.is_numeric_dtype(runs[name])]
    return runs.astype(dict.fromkeys(lists, str)).drop_duplicates(known)


def varied(runs: pd.DataFrame) -> list[str]:
    """The parameters in which the runs differ; `learn_from` first, and always."""
    columns = [name for name in runs if name not in (comparison.SEED, comparison.LESSON, *METRICS.values())]
    return [comparison.LESSON, *(name for name in columns if runs[name].nunique() > 1)]


def flat(content: dict, prefix: str = "") -> list[str]:
    """The dotted names of all values in nested dictionaries."""
    names = []
    for key, value in content.items():
        names += flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return names


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        sys.exit(f"error: {error}")
