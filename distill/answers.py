"""What `predict` prints: for people, or for programs."""

import csv
import json
from typing import TextIO

from distill.onnx_model import Answer, OnnxModel

STRANGE = "unlike the X-rays that this network was trained on: its answers mean little"


def printable(text: str) -> str:
    """The text with what a terminal would obey, or could not show, as Python writes it."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class Table:
    """A block an image: each label, its probability, and whether that reaches the operating point."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.model, self.out = model, out
        self.width = max(map(len, model.labels))

    def write(self, path: str, answer: Answer) -> None:
        """Print the block."""
        print(printable(path), file=self.out)
        if not answer.familiar:
            print(f"  ! {STRANGE} ({answer.unfamiliar:.2f} times the limit)", file=self.out)
        rows = zip(self.model.labels, answer.probabilities, answer.present, self.model.thresholds, strict=True)
        for label, probability, present, threshold in rows:
            decision = "PRESENT" if present else "absent "
            print(f"  {label:<{self.width}}  {probability:6.1%}  {decision}  (from {threshold:.1%})", file=self.out)

    def end(self) -> None:
        """Print what holds for all of them."""
        print(self.model.facts["notice"], file=self.out)


class Json:
    """One JSON object a line."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.model, self.out = model, out

    def write(self, path: str, answer: Answer) -> None:
        """Print the line."""
        thresholds = self.model.thresholds.tolist()
        rows = zip(self.model.labels, answer.probabilities, answer.present, thresholds, strict=True)
        findings = {
            label: {"probability": round(float(probability), 6), "threshold": threshold, "present": bool(present)}
            for label, probability, present, threshold in rows
        }
        found = {"image": path, "findings": findings, "unfamiliar": answer.unfamiliar, "familiar": answer.familiar}
        print(json.dumps(found | {"notice": self.model.facts["notice"]}), file=self.out)  # ASCII: any terminal takes it

    def end(self) -> None:
        """Nothing holds for all of them."""


class Csv:
    """One line an image: of each label the probability and 1 or 0 for the decision; text in quotes."""

    def __init__(self, model: OnnxModel, out: TextIO) -> None:
        self.rows = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        self.notice = model.facts["notice"]
        columns = [column for label in model.labels for column in (label, f"{label} present")]
        self.rows.writerow(["image", *columns, "unfamiliar", "familiar", "notice"])

    def write(self, path: str, answer: Answer) -> None:
        """Print the line."""
        pairs = zip(answer.probabilities, answer.present, strict=True)
        found = [value for probability, present in pairs for value in (round(float(probability), 6), int(present))]
        self.rows.writerow([path, *found, answer.unfamiliar, int(answer.familiar), self.notice])

    def end(self) -> None:
        """Nothing holds for all of them."""
