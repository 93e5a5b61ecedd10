"""How the networks learned, in one picture."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from distill import png

# Okabe & Ito 2008, told apart with any colour vision
BLACK = "#000000"
NETWORK = {"teacher": "#0072B2", "assistant": "#E69F00", "student": "#009E73"}
TERM = {"loss": BLACK, "hard": "#D55E00", "soft": "#CC79A7", "feature": "#56B4E9"}


def training_curves(path: str | Path, *, histories: dict[str, pd.DataFrame], title: str) -> None:
    """Left the dev AUROC of all networks, right the terms of each network's loss, over epochs.

    `histories`: network name -> a row an epoch, with `epoch`, `dev_auroc`, `loss`, `dev_loss`, and those of
    `hard`, `soft`, `feature` that the network is trained on.
    """
    figure = Figure(figsize=(9, 1.2 + 1.6 * max(2, len(histories))), layout="constrained")
    figure.suptitle(title, size=11)
    grid = figure.add_gridspec(len(histories), 2, width_ratios=[3, 2])
    left = figure.add_subplot(grid[:, 0], xlabel="epoch", ylabel="AUROC on dev, mean over labels")
    for row, (network, history) in enumerate(histories.items()):
        colour = NETWORK.get(network, "0.4")
        left.plot("epoch", "dev_auroc", data=history, color=colour, marker=".", label=network)
        _loss_panel(figure.add_subplot(grid[row, 1]), history).set_title(
            f"{network}: loss", color=colour, loc="left", size=10
        )
    left.legend(loc="lower right", frameon=False)
    for axes in figure.axes:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[-1].set_xlabel("epoch")
    png.save(figure, path)


def _loss_panel(axes, history):
    for term, colour in TERM.items():
        if term in history:
            axes.plot("epoch", term, data=history, color=colour, label=term)
    axes.plot("epoch", "dev_loss", data=history, color=BLACK, linestyle=":", label="dev_loss")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
    return axes
