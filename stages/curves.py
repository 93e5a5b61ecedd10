"""Draw how the three networks learned, in one picture that needs no browser and no network.

Reads plots/training/*.csv, writes plots/training.png.
"""

import pandas as pd

from distill.curves import training_curves
from distill.errors import BadInput

NETWORKS = ("teacher", "assistant", "student")


def main() -> None:
    """One panel of AUROC on dev, and one of the loss's terms for each network."""
    histories = {network: history(f"plots/training/{network}.csv") for network in NETWORKS}
    training_curves("plots/training.png", histories=histories, title="Training")


def history(path: str) -> pd.DataFrame:
    """A row an epoch. Raises BadInput if the file is none of a training."""
    try:
        table = pd.read_csv(path)
        table[["epoch", "loss", "dev_loss", "dev_auroc"]].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path}: no history of a training: {error}; expected what a train stage writes") from None
    return table


if __name__ == "__main__":
    main()
