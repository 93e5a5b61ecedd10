"""What `evaluate` leaves for other stages: a network's calibration and thresholds, and its predictions on test.

N images, K labels.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.storage.prepared import Split


@dataclass(frozen=True)
class Calibration:
    """Of each label the scale and shift of its logit and the decision threshold, all chosen on dev.

    The thresholds are those of one `operating_point`; `operating_points` has this one and others by their names.
    Classes that are `exclusive` have no thresholds: the most probable one is the answer.
    """

    labels: list[str]
    platt: np.ndarray  # (K, 2) of [scale, shift], scale above 0
    thresholds: np.ndarray | None  # (K,) of calibrated probabilities, 0..1
    exclusive: bool = False
    operating_point: str | None = None
    operating_points: dict[str, np.ndarray] = field(default_factory=dict)  # (K,) each

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """The calibrated probabilities (N, K) in 0..1 of logits (N, K)."""
        return calibrated(logits, self.platt, exclusive=self.exclusive)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The decisions, bool (N, K), for calibrated probabilities (N, K)."""
        return decisions(probabilities, self.thresholds)

    def write(self, path: str | Path) -> None:
        """Write data/models/<network>.calibration.json, with all digits; a threshold that is not there is null."""
        thresholds = [None] * len(self.labels) if self.thresholds is None else self.thresholds.tolist()
        rows = zip(self.labels, self.platt.tolist(), thresholds, strict=True)
        labels = {label: {"scale": scale, "shift": shift, "threshold": at} for label, (scale, shift), at in rows}
        points = {name: at.tolist() for name, at in self.operating_points.items()}
        content = {"exclusive": self.exclusive, "labels": labels}
        content |= {"operating_point": self.operating_point, "operating_points": points}
        with atomic(path) as partial:
            partial.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path, labels: list[str]) -> "Calibration":
        """What `write` wrote. Raises BadInput if it is missing, damaged, or of other labels than `labels`."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            exclusive, found = content["exclusive"], dict(content["labels"])
            rows = [[float(found[label][key]) for key in ("scale", "shift")] for label in labels]
            thresholds = [found[label]["threshold"] for label in labels]
            thresholds = thresholds if exclusive else [float(at) for at in thresholds]
            point, points = content["operating_point"], dict(content["operating_points"])
            points = {name: [float(at) for at in each] for name, each in points.items()}
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BadInput(f"{path}: no calibration: {error}; expected what `evaluate` writes") from None
        if list(found) != labels or not all(map(_is_scaling, rows)) or not _are_thresholds(thresholds, exclusive):
            expected = "a scale above 0 and a shift, and a threshold unless classes are exclusive,"
            raise BadInput(f"{path}: found {content}, expected {expected} for {labels}")
        if not exclusive and not _are_points(point, points, thresholds):
            raise BadInput(f"{path}: found operating points {points}, expected {point!r} with the labels' thresholds")
        points = {name: np.array(at) for name, at in points.items()}
        return cls(labels, np.array(rows), None if exclusive else np.array(thresholds), exclusive, point, points)


def calibrated(logits: np.ndarray, platt: np.ndarray, *, exclusive: bool = False) -> np.ndarray:
    """The probabilities (N, K) of logits (N, K): the sigmoid, or for `exclusive` classes the softmax, of
    scale · logit + shift, for `platt` (K, 2).

    In float64, where distinct logits stay distinct twice as far out as in float32: the ranking of a label by the
    sigmoid is that of its logits.
    """
    scale, shift = platt.T
    scaled = logits.astype(float) * scale + shift
    return softmax(scaled, axis=1) if exclusive else expit(scaled)


def uncalibrated(logits: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """The probabilities (N, K) of logits (N, K) as the network gives them."""
    return softmax(logits, axis=1) if exclusive else expit(logits)


def decisions(probabilities: np.ndarray, thresholds: np.ndarray | None) -> np.ndarray:
    """What is predicted, bool (N, K), for probabilities (N, K).

    A label with a probability at or above its threshold, `thresholds` (K,). Without thresholds, of classes that exclude
    one another, the most probable one, and the first of equally probable ones.
    """
    if thresholds is not None:
        return probabilities >= thresholds
    return probabilities.argmax(axis=1)[:, None] == np.arange(probabilities.shape[1])


def _is_scaling(row: list[float]) -> bool:
    return all(map(math.isfinite, row)) and row[0] > 0


def _are_thresholds(found: list, exclusive: bool) -> bool:
    if exclusive is True:
        return found == [None] * len(found)
    return exclusive is False and all(0 <= at <= 1 for at in found)


def _are_points(chosen: str | None, points: dict[str, list[float]], thresholds: list[float]) -> bool:
    valid = all(len(each) == len(thresholds) and _are_thresholds(each, exclusive=False) for each in points.values())
    return valid and (points.get(chosen) == thresholds if points else chosen is None)


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
