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
from rayling.predict import unfamiliar
from rayling.predict.model import OnnxModel


@dataclass(frozen=True)
class Answer:
    """What a network answers for one image."""

    probabilities: np.ndarray  # (K,) calibrated, 0 to 1
    present: np.ndarray  # (K,) bool: the decision of `OnnxModel.decide`
    distance: float  # from the training images; above 1 the image is out of distribution
    unfamiliar: list[str]  # why the image is not for the network, see `unfamiliar.reasons`; then it gets no answer

    @property
    def in_distribution(self) -> bool:
        """Whether the image resembles those that the network was trained on."""
        return self.distance <= 1


def answer(model: OnnxModel, path: str | Path) -> Answer:
    """Run the model on an image file.

    Raises BadInput for a file that is not a whole image and for outputs that are NaN; OSError where memory is too
    little to decode it.
    """
    image = reading.grey(path)
    try:
        probabilities, distances = model.run(network_input(model, image)[None])
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    distance = round(float(distances[0]), 6)
    found = unfamiliar.reasons(path, image, distance)
    return Answer(probabilities[0], model.decide(probabilities)[0], distance, found)


def network_input(model: OnnxModel, image: Image.Image) -> np.ndarray:
    """A grey image of any size (mode L) -> the pixels that the model takes, uint8 (H, H)."""
    return reading.square(image, size=model.size, keep_aspect=model.facts["keep_aspect"])


def thresholds_of(model: OnnxModel) -> dict[str, float | None]:
    """The threshold of each label; None for exclusive labels."""
    found = [None] * len(model.labels) if model.exclusive else model.thresholds.tolist()
    return dict(zip(model.labels, found, strict=True))


class Table:
    """A block of lines for each image: each label, its probability, and the decision."""

    def __init__(self, model: OnnxModel, out: TextIO, *, ask_anyway: bool) -> None:
        """Without `ask_anyway`, an image that is not for the network gets the reasons and no numbers."""
        self.model, self.out, self.ask_anyway, self.refused = model, out, ask_anyway, 0
        self.width = max(map(len, model.labels))
        self.thresholds = thresholds_of(model)

    def write(self, path: str, answer: Answer) -> None:
        """Print the block of one image."""
        print(printable(path), file=self.out)
        for reason in answer.unfamiliar:
            print(f"  ! {'' if self.ask_anyway else 'no answer: '}{reason}", file=self.out)
        if answer.unfamiliar and not self.ask_anyway:
            self.refused += 1
            return
        decisions = map(self._decision, self.model.labels, answer.present)
        for label, probability, decision in zip(self.model.labels, answer.probabilities, decisions, strict=True):
            print(f"  {label:<{self.width}}  {probability:6.1%}  {decision}".rstrip(), file=self.out)

    def _decision(self, label: str, present: bool) -> str:
        if self.model.exclusive:
            return "MOST PROBABLE" if present else ""
        return f"{'PRESENT' if present else 'absent '}  (from {self.thresholds[label]:.1%})"

    def end(self) -> None:
        """Print how many images got no answer, the operating point and the hospital of the calibration, as far as they
        have names, and the notice."""
        if self.refused:
            print(f"No answer for {self.refused:,} of the images: --even-if-unfamiliar prints one.", file=self.out)
        if self.model.operating_point:
            print(f"Operating point: {self.model.operating_point}.", file=self.out)
        if self.model.site:
            print(f"Calibrated for {self.model.site}.", file=self.out)
        print(self.model.facts["notice"], file=self.out)


class Json:
    """One JSON object a line. It is ASCII, so every terminal and program can take it."""

    def __init__(self, model: OnnxModel, out: TextIO, *, ask_anyway: bool) -> None:
        """Without `ask_anyway`, an image that is not for the network has `findings` null."""
        self.model, self.out, self.ask_anyway = model, out, ask_anyway

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
            "findings": findings if self.ask_anyway or not answer.unfamiliar else None,
            "out_of_distribution": answer.distance,
            "in_distribution": answer.in_distribution,
            "unfamiliar": answer.unfamiliar,
            "operating_point": self.model.operating_point,
            "calibrated_for": self.model.site,
            "notice": self.model.facts["notice"],
        }
        print(json.dumps(line), file=self.out)

    def end(self) -> None:
        """Print nothing: each line stands alone."""


class Csv:
    """One line for each image: of each label the probability, and 1 or 0 for the decision. Text is quoted."""

    def __init__(self, model: OnnxModel, out: TextIO, *, ask_anyway: bool) -> None:
        """Without `ask_anyway`, an image that is not for the network has blank cells."""
        self.ask_anyway = ask_anyway
        self.rows = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        self.notice = model.facts["notice"]
        columns = [column for label in model.labels for column in (label, f"{label} present")]
        self.rows.writerow(["image", *columns, *CHECK_COLUMNS, "notice"])

    def write(self, path: str, answer: Answer) -> None:
        """Print the line of one image."""
        pairs = zip(answer.probabilities, answer.present, strict=True)
        values = [value for probability, present in pairs for value in (round(float(probability), 6), int(present))]
        values = values if self.ask_anyway or not answer.unfamiliar else [None] * len(values)
        check = [answer.distance, int(answer.in_distribution), "; ".join(answer.unfamiliar)]
        self.rows.writerow([path, *values, *check, self.notice])

    def end(self) -> None:
        """Print nothing: each line stands alone."""


CHECK_COLUMNS = ["out_of_distribution", "in_distribution", "unfamiliar"]
FORMATS = {"table": Table, "json": Json, "csv": Csv}
