"""The training curves of all networks in one picture."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rayling.common import plotting
from rayling.common.errors import BadInput

# Okabe & Ito 2008, distinct with any colour vision
BLACK = "#000000"
NETWORK = {"teacher": "#0072B2", "assistant": "#E69F00", "student": "#009E73"}
TERM = {"loss": BLACK, "hard": "#D55E00", "soft": "#CC79A7", "feature": "#56B4E9"}


def read_history(path: str | Path) -> pd.DataFrame:
    """The history of a training, a row per epoch. Raises BadInput if the file is missing or not a history."""
    try:
        table = pd.read_csv(path)
        table[["epoch", "loss", "dev_loss", "dev_auroc"]].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: not a training history: {error}; expected what a train stage writes") from None
    return table


def training_curves(path: str | Path, *, histories: dict[str, pd.DataFrame], title: str) -> None:
    """Draw, over epochs, the dev AUROC of all networks on the left, and the loss of each with its terms on the right.

    `histories` maps a network's name to a row per epoch, with `epoch`, `dev_auroc`, `loss`, `dev_loss`, and `hard`,
    `soft` and `feature` as far as the network is trained on them.
    """
    figure = Figure(figsize=(9, 1.2 + 1.6 * max(2, len(histories))), layout="constrained")
    figure.suptitle(title, size=11)
    grid = figure.add_gridspec(len(histories), 2, width_ratios=[3, 2])
    left = figure.add_subplot(grid[:, 0], xlabel="epoch", ylabel="AUROC on dev, mean over labels")
    for row, (network, history) in enumerate(histories.items()):
        colour = NETWORK.get(network, "0.4")
        left.plot("epoch", "dev_auroc", data=history, color=colour, marker=".", label=network)
        right = figure.add_subplot(grid[row, 1])
        _draw_loss(right, history)
        right.set_title(f"{network}: loss", color=colour, loc="left", size=10)
    left.legend(loc="lower right", frameon=False)
    for axes in figure.axes:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[-1].set_xlabel("epoch")
    plotting.save_figure(figure, path)


def _draw_loss(axes: Axes, history: pd.DataFrame) -> None:
    for term, colour in TERM.items():
        if term in history:
            axes.plot("epoch", term, data=history, color=colour, label=term)
    axes.plot("epoch", "dev_loss", data=history, color=BLACK, linestyle=":", label="loss on dev")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8)
