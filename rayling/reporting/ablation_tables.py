"""What `rayling.experiments.ablation` wrote, in the report: its table, and whether it is of this run's parameters."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rayling.common.atomic import read_json
from rayling.reporting.page import Table, number, signed

VARIED = ("learn_from", "student_seed")  # by every ablation


def ablation_table(folder: Path, study: str) -> Table | None:
    """The table in `folder`; None if there is none for this study."""
    if not (folder / "table.csv").is_file():
        return None
    found = pd.read_csv(folder / "table.csv", dtype={"study": str})
    if "study" not in found or (found["study"] != study).any():
        return None
    settings = list(found)[1 : list(found).index("metric")]
    head = [*settings, "metric", "runs", "mean", "gain over labels alone"]
    return [head] + [[*map(str, row[settings]), *_comparison(row)] for _, row in found.iterrows()]


def _comparison(row: pd.Series) -> list[str]:
    gain = signed(row["gain"], row["gain_low"], row["gain_high"])
    return [row["metric"], str(row["runs"]), number(row["mean"], row["low"], row["high"]), gain]


def other_parameters(folder: Path, parameters: Mapping[str, object]) -> str:
    """A sentence on the parameters in which the ablation differs from this run; "" if there are none.

    `parameters` are those of this run, nested. An ablation of before December 2026 does not say its own.
    """
    if not (folder / "params.json").is_file():
        return "With which parameters this was measured is not known: run `make ablation` again."
    known, own = read_json(folder / "params.json"), _flat(parameters)
    found = {key: (value, own.get(key, "not there")) for key, value in known.items() if key not in VARIED}
    others = [f"{key} {theirs} (here {ours})" for key, (theirs, ours) in found.items() if not _same(theirs, ours)]
    return f"Measured with other parameters than this run: {', '.join(others)}." if others else ""


def _flat(content: Mapping, prefix: str = "") -> dict[str, object]:
    """The values by their dotted names, also of the dictionaries in lists: `data.sources.0.reader`."""
    values = {}
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            value = {str(number): each for number, each in enumerate(value)}
        values |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return values


def _same(one: object, other: object) -> bool:
    """Whether DVC shows both as the same value: a number may have decimals, and a list is text."""
    try:
        return float(str(one)) == float(str(other))
    except ValueError:
        return str(one) == str(other)


def gain_sentence(ablation: Table | None, others: str) -> str:
    """The gains over the student that learns from labels alone, as far as they were measured, and how."""
    head, *rows = ablation or [[]]
    gains = [
        f"{', '.join(f'{name} {value}' for name, value in zip(head[:-4], row[:-4], strict=True))}, {row[-4]}: {row[-1]}"
        for row in rows
        if row[-1] != "–"
    ]
    if not gains:
        return "The gain from distillation was not measured for this study."
    return f"Gain over the student that learns from labels alone: {'; '.join(gains)}. {others}".rstrip()
