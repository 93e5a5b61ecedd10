"""What a network said of each image of test, as a CSV: for other metrics, and for the cases to look at."""

from pathlib import Path

import numpy as np
import pandas as pd

from distill.atomic import atomic
from distill.errors import BadInput
from distill.prepared import Split


def write(path: str | Path, split: Split, probabilities: np.ndarray) -> None:
    """One row an image: `image`, then of each label the calibrated probability (N, K)."""
    table = pd.DataFrame(probabilities, columns=split.names)
    table.insert(0, "image", split.image_id)
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", float_format="%.6f")


def read(path: str | Path, split: Split) -> np.ndarray:
    """What `write` wrote for this split, (N, K). Raises BadInput if it is of other images or labels."""
    try:
        table = pd.read_csv(path, dtype={"image": str}, keep_default_na=False, lineterminator="\n")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: no predictions: {error}; expected what `evaluate` writes") from None
    if list(table) != ["image", *split.names] or table["image"].tolist() != split.image_id.tolist():
        raise BadInput(f"{path}: of other images or labels than data/prepared.h5, expected what `evaluate` writes")
    try:
        return table[split.names].to_numpy(float)
    except ValueError as error:
        raise BadInput(f"{path}: {error}; expected probabilities, as `evaluate` writes") from None
