"""What `evaluate` leaves for other stages: a network's calibration and thresholds, and its predictions on test.

N images, K labels.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.storage.prepared import Split


@dataclass(frozen=True)
class Calibration:
    """Of each label the Platt scaling (Platt 1999) and the decision threshold, both chosen on dev."""

    labels: list[str]
    platt: np.ndarray  # (K, 2) of [scale, shift], scale above 0
    thresholds: np.ndarray  # (K,) of calibrated probabilities, 0..1

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """The calibrated probabilities (N, K) in 0..1 of logits (N, K)."""
        return calibrated(logits, self.platt)

    def write(self, path: str | Path) -> None:
        """Write data/models/<network>.calibration.json, with all digits."""
        rows = zip(self.labels, self.platt.tolist(), self.thresholds.tolist(), strict=True)
        content = {label: {"scale": scale, "shift": shift, "threshold": at} for label, (scale, shift), at in rows}
        with atomic(path) as partial:
            partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path, labels: list[str]) -> "Calibration":
        """What `write` wrote. Raises BadInput if it is missing, damaged, or of other labels than `labels`."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            rows = [[float(content[label][key]) for key in ("scale", "shift", "threshold")] for label in labels]
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BadInput(f"{path}: no calibration: {error}; expected what `evaluate` writes") from None
        if list(content) != labels or not all(map(_is_sound, rows)):
            raise BadInput(f"{path}: found {content}, expected a scale above 0, a shift and a threshold for {labels}")
        return cls(labels, np.array([row[:2] for row in rows]), np.array([row[2] for row in rows]))


def calibrated(logits: np.ndarray, platt: np.ndarray) -> np.ndarray:
    """The probabilities (N, K) of logits (N, K) after Platt scaling, sigmoid(scale · logit + shift), `platt` (K, 2).

    In float64, where distinct logits stay distinct twice as far out as in float32: the ranking is that of the logits.
    """
    scale, shift = platt.T
    return expit(logits.astype(float) * scale + shift)


def _is_sound(row: list[float]) -> bool:
    return all(map(math.isfinite, row)) and row[0] > 0 and 0 <= row[2] <= 1


def write_predictions(path: str | Path, split: Split, probabilities: np.ndarray) -> None:
    """One row an image: `image`, then of each label the calibrated probability (N, K)."""
    table = pd.DataFrame(probabilities, columns=split.names)
    table.insert(0, "image", split.image_id)
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", float_format="%.6f")


def read_predictions(path: str | Path, split: Split) -> np.ndarray:
    """The probabilities (N, K) that `write_predictions` wrote. Raises BadInput for other images or labels."""
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
