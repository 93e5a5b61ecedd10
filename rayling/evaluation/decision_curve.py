"""Decision curves: what acting on a network's answers is worth, whatever a missed finding weighs against a false alarm.

Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models", Medical Decision
Making 26:565. N images, K labels with `names`, T thresholds.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rayling.common import plotting
from rayling.evaluation.auroc import by_label
from rayling.evaluation.figures import BLUE, VERMILION

THRESHOLDS = np.arange(1, 100) / 100
COLUMNS = 3


def net_benefit(truth: np.ndarray, probability: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """(true positives − false positives · t / (1 − t)) / images at each threshold t, (T,).

    Who acts from a probability of t on says that a finding which is found is worth (1 − t) / t false alarms. So t is
    not chosen for the network: it is the reader's. `truth` (n,) is 1 or 0, `probability` (n,) in 0..1, n > 0.
    """
    found = probability >= thresholds[:, None]  # (T, n)
    true, false = (found & (truth == 1)).sum(axis=1), (found & (truth == 0)).sum(axis=1)
    return (true - false * thresholds / (1 - thresholds)) / len(truth)


def draw(path: str | Path, *, names: list[str], labels: np.ndarray, probabilities: np.ndarray, title: str) -> None:
    """A panel for each label: acting on the network, on every image, and on none; a PNG at `path`.

    `labels` is (N, K) of 1, 0 or NaN (unknown, ignored), `probabilities` (N, K) in 0..1. A panel starts just below 0,
    because what is worse than acting on no image is not worth telling apart.
    """
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(8.2, 0.9 + 1.9 * rows), layout="constrained")
    figure.suptitle(f"{title}: net benefit, by the probability from which one acts", x=0.01, ha="left", size=11)
    panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True).ravel()
    for axes, name, known in zip(panels, names, by_label(labels, probabilities), strict=False):
        _panel(axes, name, *known)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    lines, texts = panels[0].get_legend_handles_labels()
    figure.legend(lines, texts, loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    plotting.save_figure(figure, path)


def _panel(axes, name, truth, probability):
    axes.set_title(name, loc="left", size=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    if not len(truth):
        return
    share = max(truth.mean(), 0.01)
    axes.plot(THRESHOLDS, net_benefit(truth, probability), color=BLUE, linewidth=2, label="act on the network")
    every = net_benefit(truth, np.ones(len(truth)))
    axes.plot(THRESHOLDS, every, color=VERMILION, linewidth=1.2, linestyle=(0, (4, 2)), label="act on every image")
    axes.axhline(0, color="0.4", linewidth=1, label="act on none")
    axes.set(xlim=(0, 1), ylim=(-0.15 * share, 1.05 * share))
