"""Pictures of the metrics. Each function writes a PNG at `path`, with equal bytes for equal input.

N images, K labels with `names`. `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1.
"""

from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from rayling.common import plotting
from rayling.evaluation import auroc, metrics
from rayling.evaluation.auroc import by_label, has_both, mean_defined

# Okabe & Ito 2008, distinct with any colour vision, without their yellow, which is too faint on white
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
# fourteen labels are too many for colours alone: seven solid lines, then seven dashed ones
LINES = [
    {"color": colour, "linestyle": style}
    for style in ("-", (0, (4, 2)))
    for colour in (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
]


def roc(path: str | Path, *, names: list[str], labels: np.ndarray, probabilities: np.ndarray, title: str) -> None:
    """The receiver operating characteristic of each label, with its AUROC in the legend (a dash where undefined)."""
    figure, axes = _square(title, "false positive rate", "true positive rate (recall)")
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    areas = auroc.per_label(labels, probabilities)
    for (truth, score), line in zip(by_label(labels, probabilities), _lines(names, areas), strict=True):
        x, y = roc_curve(truth, score)[:2] if has_both(truth) else ([], [])
        axes.plot(x, y, **line)
    _legend(axes, f"AUROC, mean {_number(mean_defined(areas))}")
    plotting.save_figure(figure, path)


def precision_recall(
    path: str | Path, *, names: list[str], labels: np.ndarray, probabilities: np.ndarray, title: str
) -> None:
    """The precision-recall curve of each label, with its average precision in the legend (a dash where undefined)."""
    figure, axes = _square(title, "recall", "precision")
    areas = metrics.average_precision(labels, probabilities)
    for (truth, score), line in zip(by_label(labels, probabilities), _lines(names, areas), strict=True):
        y, x = precision_recall_curve(truth, score)[:2] if has_both(truth) else ([], [])
        # average precision is the area below these steps
        axes.plot(x, y, drawstyle="steps-post", **line)
    _legend(axes, f"Average precision, mean {_number(mean_defined(areas))}")
    plotting.save_figure(figure, path)


def calibration(
    path: str | Path,
    *,
    names: list[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    uncalibrated: np.ndarray,
    title: str,
) -> None:
    """The reliability diagram: the share of positives over the predicted probability, of all labels pooled and of each.

    Dashed: pooled, before calibration (`uncalibrated`, (N, K)). Below: the number of entries in each bin after
    calibration. Bins of a single label with fewer than ten entries are not drawn.
    """
    figure, axes = _square(title, "", "share of positives", below=0.9)
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    _each_label(axes, names, list(by_label(labels, probabilities)))
    known = ~np.isnan(labels)
    before, after = (labels[known], uncalibrated[known]), (labels[known], probabilities[known])
    _pooled(axes, before, "o--", color="0.6", linewidth=1.5, markersize=4, name="all pooled, uncalibrated")
    _pooled(axes, after, "o-", color="0.25", linewidth=3, name="all pooled")
    mean, mean_before = (_number(metrics.mean_calibration_error(labels, p)) for p in (probabilities, uncalibrated))
    _legend(axes, f"Calibration error, mean {mean}\n(uncalibrated {mean_before})")
    _histogram_below(axes, metrics.reliability(*after)[0])
    plotting.save_figure(figure, path)


def _each_label(axes, names, per_label):
    errors = [metrics.calibration_error(*known) for known in per_label]
    for known, line in zip(per_label, _lines(names, errors), strict=True):
        axes.plot(*_bins(*known, at_least=10), **line | {"linewidth": 0.9, "alpha": 0.8})


def _pooled(axes, pooled, style, *, name, **line):
    error = _number(metrics.calibration_error(*pooled))
    axes.plot(*_bins(*pooled, at_least=1), style, **line, label=f"{error}  {name}")


def _bins(truth, probability, *, at_least):
    size, predicted, observed = metrics.reliability(truth, probability)
    return predicted[size >= at_least], observed[size >= at_least]


def _histogram_below(axes, sizes):
    below = axes.inset_axes([0, -0.22, 1, 0.18], sharex=axes)
    centres = (np.arange(len(sizes)) + 0.5) / len(sizes)
    bars = below.bar(centres, sizes, width=0.9 / len(sizes), color="0.75")
    below.bar_label(bars, [f"{size:,}" for size in sizes], size=7)
    below.set(xlabel="predicted probability", ylabel="entries", yticks=[], ylim=(0, 1.3 * max(sizes)))
    below.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelbottom=False)


def cooccurrence(path: str | Path, *, names: list[str], labels: np.ndarray, decided: np.ndarray, title: str) -> None:
    """`metrics.cooccurrence` of the decisions, bool (N, K), as a heat map, in per cent; blank where there is no image.

    Only for labels of which an image may have several.
    """
    images = [*(labels == 1).sum(axis=0), (labels == 0).all(axis=1).sum()]
    figure, axes = _heat_map(title, metrics.cooccurrence(labels, decided), names, [*names, "none"], images)
    axes.axhline(len(names) - 0.5, color="0.5", linewidth=1)
    axes.set(xlabel="predicted label, % of the row's images", ylabel="true label (images)")
    plotting.save_figure(figure, path)


def confusion(path: str | Path, *, names: list[str], labels: np.ndarray, decided: np.ndarray, title: str) -> None:
    """`metrics.confusion` of the decisions, bool (N, K), as a heat map: per cent of each class, and numbers of images.

    Only for classes that exclude one another.
    """
    counts = metrics.confusion(labels, decided)
    images = counts.sum(axis=1)
    shares = counts / np.where(images > 0, images, np.nan)[:, None]
    figure, axes = _heat_map(title, shares, names, names, images)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row + 0.3, f"{counts[row, column]:,}", color=_ink(share), ha="center", va="center", size=6)
    axes.set(xlabel="predicted class, % of the row's images and their number", ylabel="true class (images)")
    plotting.save_figure(figure, path)


def _heat_map(title, shares, columns, rows, images):
    """A figure and its axes with the `shares` (R, K) in per cent, and the number of images (R,) beside the rows' names.

    A share that is NaN is left blank.
    """
    side = 2.2 + 0.42 * len(columns)
    figure = Figure(figsize=(max(5, side + 0.9), side), layout="constrained")
    figure.suptitle(title, size=11)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = "" if np.isnan(share) else f"{share:.0%}".rstrip("%")
        axes.text(column, row, text, color=_ink(share), ha="center", va="center", size=8)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [f"{name} ({count})" for name, count in zip(rows, images, strict=True)])
    return figure, axes


def _ink(share):
    """The colour of text on a cell: white on a dark one."""
    return "white" if share > 0.55 else "black"


def _square(title, xlabel, ylabel, *, below=0.0):
    """A figure with the unit square, room for a legend on the right, and `below` inches of extra room under it."""
    width, height, side = 8.2, 5.2 + below, 4.3
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes([0.65 / width, (0.55 + below) / height, side / width, side / height])
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=xlabel, ylabel=ylabel)
    axes.set_title(title, loc="left", size=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _lines(names, values):
    """The style of each label's line, and its legend entry: the value, then the name."""
    return [
        {"label": f"{_number(value)}  {name}", "linewidth": 1.5, **line}
        for name, value, line in zip(names, values, cycle(LINES), strict=False)
    ]


def _number(value):
    return "   –    " if value is None else f"{value:.3f}"


def _legend(axes, title):
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, title=title, alignment="left", fontsize=9)
