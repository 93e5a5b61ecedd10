"""Compares settings over repeated runs: means, differences paired by seed, their intervals, and a picture of them."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from rayling.common import plotting

SEED, LEARN_FROM, LABELS = "student_seed", "learn_from", "labels"
# The parameters that a student with `learn_from: labels` does not read: they do not change it.
DISTILLATION_SETTINGS = re.compile(
    r"^temperature$|\.(softening|wasserstein|directions)$|\.weights\.(soft|feature)$|\.(teacher|assistant|features)\."
)


def compare(runs: pd.DataFrame, *, metrics: Sequence[str], settings: Sequence[str]) -> pd.DataFrame:
    """One row for each combination of `settings` in `runs` and each metric.

    `runs` has one run per row, with the columns `settings`, `student_seed` and `metrics`. The columns of the result
    are the settings, `metric`, `runs`, `mean`, `low`, `high`, `gain`, `gain_low` and `gain_high`. `low` and `high`
    bound the 95 % interval of the mean (Student's t over runs). `gain` is the mean difference to the student that
    learned from labels alone with the same seed, paired, with its interval. It is NaN without a pair, and its interval
    is NaN with fewer than two.
    """
    alone = runs[runs[LEARN_FROM] == LABELS]
    keys = [name for name in settings if name != LEARN_FROM and not DISTILLATION_SETTINGS.search(name)]
    pairs = runs.merge(alone.drop_duplicates([*keys, SEED]), on=[*keys, SEED], how="left", suffixes=("", " alone"))
    rows, place = [], list(settings).index(LEARN_FROM)
    for values, group in pairs.groupby(list(settings), sort=True):
        for metric in metrics:
            gains = group[metric] - group[f"{metric} alone"] if values[place] != LABELS else []
            rows.append([*values, metric, group[metric].count(), *mean_interval(group[metric]), *mean_interval(gains)])
    columns = ["mean", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=[*settings, "metric", "runs", *columns])


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of independent values and its 95 % interval by Student's t. NaN values are left out.

    The interval is NaN for fewer than two values, the mean too for none.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return (values[0] if len(values) else np.nan), np.nan, np.nan
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean(), values.mean() - half, values.mean() + half


def markdown(table: pd.DataFrame, *, settings: Sequence[str]) -> str:
    """What `compare` returned, as Markdown: a row per setting, with mean and gain of each metric.

    A star marks a gain whose interval excludes zero.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    names = [*settings, "runs", *(name for metric in metrics for name in (metric, "gain"))]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for values, group in table.groupby(list(settings), sort=True):
        by_metric = group.set_index("metric")
        cells = [text for metric in metrics for text in _cells(by_metric.loc[metric])]
        lines.append("| " + " | ".join([*map(setting_text, values), str(group["runs"].max()), *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cells(row: pd.Series) -> tuple[str, str]:
    mean = f"{row['mean']:.4f} ({row['low']:.4f}–{row['high']:.4f})" if row["runs"] > 1 else f"{row['mean']:.4f}"
    if np.isnan(row["gain_low"]):
        return mean, "" if np.isnan(row["gain"]) else f"{row['gain']:+.4f}, one pair"
    star = "" if row["gain_low"] <= 0 <= row["gain_high"] else " *"
    return mean, f"{row['gain']:+.4f} ({row['gain_low']:+.4f} to {row['gain_high']:+.4f}){star}"


def setting_text(value: object) -> str:
    """The value of a setting as text: a float that is a whole number without its decimals."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def draw_gains(path: str | Path, table: pd.DataFrame, *, settings: Sequence[str], title: str) -> None:
    """Draw the gains that `compare` returned: a panel per metric, and in it a row per setting with its interval."""
    table = table.dropna(subset="gain")
    metrics = list(dict.fromkeys(table["metric"]))
    rows = max(1, len(table) // max(1, len(metrics)))
    figure = Figure(figsize=(3.2 * max(1, len(metrics)) + 1.5, 0.35 * rows + 1.4), layout="constrained")
    figure.suptitle(title, size=11)
    panels = figure.subplots(1, max(1, len(metrics)), sharey=True, squeeze=False)[0]
    panels[0].invert_yaxis()
    for axes, metric in zip(panels, metrics, strict=False):
        _gain_panel(axes, metric, table[table["metric"] == metric], settings)
        axes.margins(y=0.4 / rows)
    plotting.save_figure(figure, path)


def _gain_panel(axes, metric, table, settings):
    names = [
        ", ".join(f"{key.split('.')[-1]} {setting_text(row[key])}" for key in settings) for _, row in table.iterrows()
    ]
    bars = [table["gain"] - table["gain_low"], table["gain_high"] - table["gain"]]
    axes.errorbar(table["gain"], range(len(table)), xerr=bars, fmt="o", color="#0072B2", capsize=3, markersize=4)
    axes.axvline(0, color="0.6", linewidth=1)
    axes.set_yticks(range(len(table)), names, fontsize=8)
    axes.set_xlabel(f"{metric}: mean difference, 95 %", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.locator_params(axis="x", nbins=4)
    axes.spines[["top", "right"]].set_visible(False)
