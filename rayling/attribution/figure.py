"""The picture of where networks look: a row for each label, with the finding's place and the maps of both networks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rayling.attribution.measures import MEASURES
from rayling.attribution.on_phantom import NETWORKS, Pair
from rayling.common import plotting
from rayling.explain import occlusion

OUTLINE = "#56B4E9"  # Okabe & Ito's sky blue: seen on grey and on orange
NAMES = {
    "inside_finding": "share of the map\nin the finding",
    "inside_chest": "share of the map\nin lungs and heart",
    "pointing_game": "maximum at\nthe finding",
    "iou": "overlap (IoU)",
}
COLOURS = {"student": "#009E73", "teacher": "#0072B2"}


def draw(path: str | Path, examples: Mapping[str, Pair], summaries: Mapping[str, Mapping]) -> None:
    """Write a PNG: of each label an example on the left, and the measures of both networks on the right.

    `examples` and `summaries` (`on_phantom.summary`) are by label. Bars are 95 % intervals over patients, where there
    are enough; grey lines are a map without any knowledge.
    """
    figure = Figure(figsize=(11, 1.25 * len(examples) + 1.0), layout="constrained")
    cases, numbers = figure.subfigures(1, 2, width_ratios=[4.4, 6.6])
    _draw_cases(cases, examples)
    _draw_measures(numbers, summaries)
    plotting.save_figure(figure, path)


def _draw_cases(figure, examples):
    grid = figure.subplots(len(examples), 3, squeeze=False)
    for axes, title in zip(grid[0], ("finding, outlined", *NETWORKS), strict=True):
        axes.set_title(title, size=10)
    for row, (label, pair) in zip(grid, examples.items(), strict=True):
        picture = Image.fromarray(pair.image).convert("L")
        for axes, shown in zip(
            row, (picture, *(occlusion.overlay(picture, pair.maps[n]) for n in NETWORKS)), strict=True
        ):
            axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
            axes.contour(pair.finding, [0.5], colors=OUTLINE, linewidths=1)
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(label.replace(" ", "\n"), size=10, rotation=0, ha="right", va="center")


def _draw_measures(figure, summaries):
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    places = np.arange(len(summaries))
    for axes, name in zip(panels, MEASURES, strict=True):
        for network, offset in zip(NETWORKS, (-0.13, 0.13), strict=True):
            values = [
                [_or_nan(found[network][f"{name}{end}"]) for end in ("", "_low", "_high")]
                for found in summaries.values()
            ]
            mean, low, high = np.array(values).T
            bars = {"xerr": [mean - low, high - mean], "fmt": "o", "markersize": 4, "capsize": 2}
            axes.errorbar(mean, places + offset, **bars, color=COLOURS[network], label=network)
        chance = [_or_nan(found["chance"][name]) for found in summaries.values()]
        axes.plot(chance, places, "|", color="0.45", markersize=16, markeredgewidth=2, label="no knowledge")
        axes.set_title(NAMES[name], size=10)
        axes.set(xlim=(-0.05, 1.05), ylim=(len(places) - 0.5, -0.5))
        axes.set_yticks(places, summaries, size=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=10
    )


def _or_nan(value):
    return np.nan if value is None else value
