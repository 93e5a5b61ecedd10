"""Draw how the three networks learned, in one picture that needs no browser and no network.

Reads plots/training/*.csv, writes plots/training.png.
"""

import pandas as pd

from distill.curves import training_curves

NETWORKS = ("teacher", "assistant", "student")


def main() -> None:
    """One panel of AUROC on dev, and one of the loss's terms for each network."""
    histories = {network: pd.read_csv(f"plots/training/{network}.csv") for network in NETWORKS}
    training_curves("plots/training.png", histories=histories, title="Training")


if __name__ == "__main__":
    main()
