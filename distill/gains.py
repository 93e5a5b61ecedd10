"""The picture of an ablation: what each setting gains over the student alone, and how sure that is."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from distill import png
from distill.comparison import plain


def draw(path: str | Path, table: pd.DataFrame, *, settings: Sequence[str], title: str) -> None:
    """One panel a metric of `comparison.compare`: a row a setting, its gain and the 95 % interval; zero is no gain."""
    table = table.dropna(subset="gain")
    metrics = list(dict.fromkeys(table["metric"]))
    rows = max(1, len(table) // max(1, len(metrics)))
    figure = Figure(figsize=(3.2 * max(1, len(metrics)) + 1.5, 0.35 * rows + 1.4), layout="constrained")
    figure.suptitle(title, size=11)
    panels = figure.subplots(1, max(1, len(metrics)), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=False):
        part = table[table["metric"] == metric]
        names = [", ".join(f"{key.split('.')[-1]} {plain(row[key])}" for key in settings) for _, row in part.iterrows()]
        reach = [part["gain"] - part["gain_low"], part["gain_high"] - part["gain"]]
        axes.errorbar(part["gain"], range(len(part)), xerr=reach, fmt="o", color="#0072B2", capsize=3, markersize=4)
        axes.axvline(0, color="0.6", linewidth=1)
        axes.set_yticks(range(len(part)), names, fontsize=8)
        axes.invert_yaxis() if axes is panels[0] else None
        axes.set_xlabel(f"{metric}: mean difference, 95 %", fontsize=8)
        axes.tick_params(axis="x", labelsize=8)
        axes.locator_params(axis="x", nbins=4)
        axes.margins(y=0.4 / rows)
        axes.spines[["top", "right"]].set_visible(False)
    png.save(figure, path)
