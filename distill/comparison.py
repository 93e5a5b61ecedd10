"""How settings compare over repeated runs: means, paired differences, and how sure one may be of them."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

SEED, LESSON, ALONE = "student_seed", "learn_from", "labels"
# What `learn_from: labels` does not read: the same student alone is the partner whatever their values.
OF_TEACHING = re.compile(
    r"^temperature$|\.(softening|wasserstein)$|\.weights\.(soft|feature)$|\.(teacher|assistant|features)\."
)


def compare(runs: pd.DataFrame, *, metrics: Sequence[str], settings: Sequence[str]) -> pd.DataFrame:
    """One row for each setting of `runs` and each metric.

    `runs` has one run a row: the columns `settings`, `student_seed` and `metrics`. Columns that come back: the
    settings, `metric`, `runs`, `mean`, `low` and `high` (95 %, Student's t over runs), and `gain`, `gain_low`,
    `gain_high`: the mean difference to the student alone (`learn_from: labels`) of the same seed, with its interval.
    NaN where there is no pair; the interval where there are fewer than two.
    """
    alone = runs[runs[LESSON] == ALONE]
    keys = [name for name in settings if name != LESSON and not OF_TEACHING.search(name)]
    pairs = runs.merge(alone.drop_duplicates([*keys, SEED]), on=[*keys, SEED], how="left", suffixes=("", " alone"))
    rows, lesson = [], list(settings).index(LESSON)
    for values, group in pairs.groupby(list(settings), sort=True):
        for metric in metrics:
            gains = group[metric] - group[f"{metric} alone"] if values[lesson] != ALONE else []
            rows.append([*values, metric, group[metric].count(), *interval(group[metric]), *interval(gains)])
    columns = ["mean", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=[*settings, "metric", "runs", *columns])


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of independent `values` by Student's t; without NaN, which is no value.

    The interval is NaN for fewer than two.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (values[0] if len(values) else np.nan), np.nan, np.nan
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean(), values.mean() - half, values.mean() + half


def markdown(table: pd.DataFrame, *, settings: Sequence[str]) -> str:
    """The comparison as Markdown: a row a setting, for each metric its mean and its gain with their intervals."""
    metrics = list(dict.fromkeys(table["metric"]))
    names = [*settings, "runs", *(name for metric in metrics for name in (metric, "gain"))]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for values, group in table.groupby(list(settings), sort=True):
        by_metric = group.set_index("metric")
        cells = [text for metric in metrics for text in _cells(by_metric.loc[metric])]
        lines.append("| " + " | ".join([*map(plain, values), str(group["runs"].max()), *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cells(row: pd.Series) -> tuple[str, str]:
    level = f"{row['mean']:.4f} ({row['low']:.4f}–{row['high']:.4f})" if row["runs"] > 1 else f"{row['mean']:.4f}"
    if np.isnan(row["gain_low"]):
        return level, "" if np.isnan(row["gain"]) else f"{row['gain']:+.4f}, one pair"
    sure = "" if row["gain_low"] <= 0 <= row["gain_high"] else " *"
    return level, f"{row['gain']:+.4f} ({row['gain_low']:+.4f} to {row['gain_high']:+.4f}){sure}"


def plain(value: object) -> str:
    """A setting as a person writes it: 20 and not 20.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)
