"""The answer of an exported network for one image file, and how `predict` prints it: a table, JSON or CSV.

A format's `write` prints one answer; its `end` prints what holds for all of them. H pixels a side, K labels.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image

from rayling.common.errors import BadInput, printable
from rayling.images import reading
from rayling.predict.model import OnnxModel

OUT_OF_DISTRIBUTION = "unlike the X-rays that this network was trained on: its answers mean little"


@dataclass(frozen=True)
class Answer:
    """What a network answers for one image."""

    probabilities: np.ndarray  # (K,) calibrated, 0 to 1
    present: np.ndarray  # (K,) bool: the decision of `OnnxModel.decide`
    distance: float  # from the training images; above 1 the image is out of distribution

    @property
    def in_distribution(self) -> bool:
        """Whether the image resembles those that the network was trained on."""
        return self.distance <= 1


def answer(model: OnnxModel, path: str | Path) -> Answer:
    """Run the model on an image file.

    Raises BadInput for a file that is not a whole image and for outputs that are NaN; OSError where memory is too
    little to decode it.
    """
    pixels = network_input(model, reading.grey(path))
    try:
        probabilities, distances = model.run(pixels[None])
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return Answer(probabilities[0], model.decide(probabilities)[0], round(float(distances[0]), 6))


def network_input(model: OnnxModel, image: Image.Image) -> np.ndarray:
    """A grey image of any size (mode L) -> the pixels that the model takes, uint8 (H, H)."""
    return reading.square(image, size=model.size, keep_aspect=model.facts["keep_aspect"])


def thresholds_of(model: OnnxModel) -> dict[str, float | None]:
    """The threshold of each label; None for exclusive labels."""
    found = [None] * len(model.labels) if model.exclusive else model.thresholds.tolist()
    return dict(zip(model.labels, found, strict=True))


class Table:
    """A block of lines for each image: each label, its probability, and the decision."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.model, self.out = model, out
        self.width = max(map(len, model.labels))
        self.thresholds = thresholds_of(model)

    def write(self, path: str, answer: Answer) -> None:
        """Print the block of one image."""
        print(printable(path), file=self.out)
        if not answer.in_distribution:
            print(f"  ! {OUT_OF_DISTRIBUTION} ({answer.distance:.2f} times the limit)", file=self.out)
        decisions = map(self._decision, self.model.labels, answer.present)
        for label, probability, decision in zip(self.model.labels, answer.probabilities, decisions, strict=True):
            print(f"  {label:<{self.width}}  {probability:6.1%}  {decision}".rstrip(), file=self.out)

    def _decision(self, label: str, present: bool) -> str:
        if self.model.exclusive:
            return "MOST PROBABLE" if present else ""
        return f"{'PRESENT' if present else 'absent '}  (from {self.thresholds[label]:.1%})"

    def end(self) -> None:
        """Print the operating point and the hospital of the calibration, as far as they have names, and the notice."""
        if self.model.operating_point:
            print(f"Operating point: {self.model.operating_point}.", file=self.out)
        if self.model.site:
            print(f"Calibrated for {self.model.site}.", file=self.out)
        print(self.model.facts["notice"], file=self.out)


class Json:
    """One JSON object a line. It is ASCII, so every terminal and program can take it."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.model, self.out = model, out

    def write(self, path: str, answer: Answer) -> None:
        """Print the line of one image."""
        thresholds = thresholds_of(self.model)  # null for exclusive labels
        rows = zip(self.model.labels, answer.probabilities, answer.present, strict=True)
        findings = {
            label: {
                "probability": round(float(probability), 6),
                "threshold": thresholds[label],
                "present": bool(present),
            }
            for label, probability, present in rows
        }
        line = {
            "image": path,
            "findings": findings,
            "out_of_distribution": answer.distance,
            "in_distribution": answer.in_distribution,
            "operating_point": self.model.operating_point,
            "calibrated_for": self.model.site,
            "notice": self.model.facts["notice"],
        }
        print(json.dumps(line), file=self.out)

    def end(self) -> None:
        """Print nothing: each line stands alone."""


class Csv:
    """One line for each image: of each label the probability, and 1 or 0 for the decision. Text is quoted."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.rows = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        self.notice = model.facts["notice"]
        columns = [column for label in model.labels for column in (label, f"{label} present")]
        self.rows.writerow(["image", *columns, "out_of_distribution", "in_distribution", "notice"])

    def write(self, path: str, answer: Answer) -> None:
        """Print the line of one image."""
        pairs = zip(answer.probabilities, answer.present, strict=True)
        values = [value for probability, present in pairs for value in (round(float(probability), 6), int(present))]
        self.rows.writerow([path, *values, answer.distance, int(answer.in_distribution), self.notice])

    def end(self) -> None:
        """Print nothing: each line stands alone."""


FORMATS = {"table": Table, "json": Json, "csv": Csv}
