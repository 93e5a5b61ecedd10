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
ANY_VIEW, EXTERNAL = "any_view", "external"
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
    runs = runs.reset_index(drop=True)
    keys = pd.MultiIndex.from_frame(_read_alone(runs, settings))
    is_alone = runs[LEARN_FROM] == LABELS
    alone = runs.set_axis(keys)[list(metrics)][is_alone.to_numpy()]
    alone = alone[~alone.index.duplicated()].reindex(keys)
    gains = (runs[list(metrics)] - alone.to_numpy())[~is_alone].reindex(runs.index)
    rows = []
    for values, group in runs.groupby(list(settings), sort=True):
        for metric in metrics:
            scores = mean_interval(group[metric]), mean_interval(gains.loc[group.index, metric])
            rows.append([*values, metric, group[metric].count(), *scores[0], *scores[1]])
    columns = ["mean", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=[*settings, "metric", "runs", *columns])


def is_read_alone(key: str, *, lesson: str) -> bool:
    """Whether a student that learns from labels alone reads this parameter.

    It sees the views of the `lesson`, of which only `cached_views` depends on how many views are cached.
    """
    if key.endswith(".cached_views"):
        return lesson != ANY_VIEW
    return not DISTILLATION_SETTINGS.search(key)


def _read_alone(runs: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """The seed of each run, and the values of those `settings` that a student alone reads; else they are equal."""
    keys = runs[[SEED]].copy()
    for name in settings:
        if name != LEARN_FROM:
            lessons = runs.get(name.replace("cached_views", "lesson"), runs[name])
            pairs = zip(runs[name], lessons, strict=True)
            keys[name] = [value if is_read_alone(name, lesson=lesson) else 0 for value, lesson in pairs]
    return keys


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


def side_by_side(table: pd.DataFrame, *, settings: Sequence[str]) -> str:
    """What `compare` returned, as Markdown: a row per metric and setting, "AUROC, external" beside "AUROC"."""
    names = ["metric", *settings, "runs", "inside", "gain", EXTERNAL, "gain"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    by_name = {name: rows.set_index([*settings]) for name, rows in table.groupby("metric", sort=False)}
    for name in dict.fromkeys(metric.removesuffix(f", {EXTERNAL}") for metric in by_name):
        places = [by_name.get(metric) for metric in (name, f"{name}, {EXTERNAL}")]
        for values in next(place for place in places if place is not None).index:
            rows = [None if place is None else place.loc[values] for place in places]
            runs = max(row["runs"] for row in rows if row is not None)
            cells = [text for row in rows for text in (("", "") if row is None else _cells(row))]
            listed = values if isinstance(values, tuple) else (values,)
            lines.append("| " + " | ".join([name, *map(setting_text, listed), str(runs), *cells]) + " |")
    return "\n".join(lines) + "\n"


def note(table: pd.DataFrame) -> str:
    """What to bear in mind when one reads the table that `compare` returned, as Markdown."""
    count = int(table["gain_low"].notna().sum())
    return (
        "\nMeans over student seeds; a gain is the difference to `learn_from: labels`, paired by seed. In brackets: "
        "95 % intervals over seeds, with the images as they are. A star: the interval excludes zero. The intervals "
        f"are not corrected for their number: of {count} gains, {count / 20:.2g} would exclude zero by chance if "
        "there were no effect.\n"
    )


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
