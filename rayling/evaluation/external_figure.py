"""The picture of scores on films of other hospitals, beside those on test."""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rayling.common import plotting
from rayling.evaluation.figures import BLUE, GREEN, ORANGE

COLOURS = {"teacher": BLUE, "assistant": ORANGE, "student": GREEN}
GAP = 0.24  # between the networks of one score, of the distance between scores
RATES = ("sensitivity", "specificity")


def draw(path: str | Path, found: dict[str, dict]) -> None:
    """Draw `found`, the content of metrics/external.json, as a PNG: a panel for each source.

    Of each label it shows the AUROC or, where all films have the label or none, sensitivity or specificity.
    """
    heights = [max(1, len(shown(of_source))) for of_source in found.values()]
    figure = Figure(figsize=(8.2, 0.9 + sum(0.5 * height + 0.75 for height in heights)), layout="constrained")
    panels = figure.subplots(len(found), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, (source, of_source) in zip(panels, found.items(), strict=True):
        _draw_source(axes, of_source)
        films = f"{of_source['images']:,} films of {of_source['patients']:,} patients"
        axes.set_title(f"{source}: {films}", loc="left", size=10, parse_math=False)
    figure.legend(handles=list(_legend()), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    plotting.save_figure(figure, path)


def shown(of_source: dict) -> dict[str, dict[str, dict]]:
    """What is drawn of a source, a row for each score: its name, and by network the scores of both places."""
    some = of_source["student"]
    ranked = some["auroc"]["per_label"]
    alone = [(score, label) for score in RATES for label in some[score]["per_label"] if label not in ranked]
    keys = {"AUROC, mean": ("auroc", "macro"), "accuracy": ("accuracy",), "balanced accuracy": ("balanced_accuracy",)}
    keys |= {f"AUROC, {label}": ("auroc", "per_label", label) for label in ranked}
    keys |= {f"{score}, {label}": (score, "per_label", label) for score, label in alone}
    rows = {name: {network: _at(path, of_source[network]) for network in COLOURS} for name, path in keys.items()}
    return {name: scores for name, scores in rows.items() if all(scores.values())}


def _at(path: tuple[str, ...], scores: dict) -> dict:
    return reduce(lambda block, key: block.get(key, {}), path, scores)


def _draw_source(axes: Axes, of_source: dict) -> None:
    rows = shown(of_source)
    for y, scores in enumerate(rows.values()):
        for offset, (network, score) in enumerate(scores.items()):
            place, colour = y + GAP * (offset - 1), COLOURS[network]
            _mark(axes, place - 0.045, score, "internal", color=colour, mfc="white", linewidth=0.8, markersize=4)
            _mark(axes, place + 0.045, score, "external", color=colour, linewidth=2, markersize=5)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=9, parse_math=False)
    axes.set(xlim=(0, 1.01), ylim=(len(rows) - 0.5, -0.5))
    axes.grid(axis="x", color="0.9")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, labelsize=9)


def _mark(axes: Axes, y: float, score: dict, place: str, *, color: str, linewidth: float, **marker) -> None:
    """Draw the score of one place, if it is there, and its interval, if it has one."""
    if place in score:
        ends = [score.get(f"{place}_low", score[place]), score.get(f"{place}_high", score[place])]
        axes.plot(ends, [y, y], color=color, linewidth=linewidth)
        axes.plot(score[place], y, "o", color=color, **marker)


def _legend() -> Iterator[Line2D]:
    for network, colour in COLOURS.items():
        yield Line2D([], [], color=colour, marker="o", linewidth=2, label=network)
    yield Line2D([], [], color="0.3", marker="o", linewidth=2, label="these films")
    yield Line2D([], [], color="0.3", marker="o", mfc="white", linewidth=0.8, label="test")
