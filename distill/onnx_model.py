"""An exported network in use: by onnxruntime and numpy alone, without torch.

B images of H × H pixels, K labels.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from distill import images
from distill.errors import BadInput

KINDS = {"pixels": "tensor(uint8)", "probabilities": "tensor(float)", "unfamiliar": "tensor(float)"}
INPUTS, OUTPUTS = ["pixels"], ["probabilities", "unfamiliar"]
LARGEST = 8192  # pixels a side, as in schema.py: what a file says must not claim any amount of memory


@dataclass(frozen=True)
class Answer:
    """What a network says of one image."""

    probabilities: np.ndarray  # (K,) calibrated, 0..1
    present: np.ndarray  # (K,) of bools: at the threshold or above
    unfamiliar: float  # above 1: unlike the images that the network was trained on

    @property
    def familiar(self) -> bool:
        """Whether the image is like those that the network was trained on."""
        return self.unfamiliar <= 1


class OnnxModel:
    """One file that the stages `export` or `quantise` wrote."""

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        """Load it, to compute on so many threads, 0: all. Raises BadInput if it is no model of this project."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        try:
            if Path(path).exists() and not Path(path).is_file():
                raise ValueError("a folder, a pipe or a device")
            content = Path(path).read_bytes()  # from memory: a model's file may name no other file
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.facts = _facts(self.session)
        except Exception as error:  # onnxruntime has a dozen kinds, below none of their own
            reason = str(getattr(error, "strerror", None) or error)
            raise BadInput(f"{path}: no exported network: {reason}; expected what `export` writes") from None
        self.path = path
        self.labels, self.size = self.facts["labels"], self.facts["size"]
        self.thresholds = np.array([self.facts["threshold"][label] for label in self.labels])

    def pixels(self, image: Image.Image) -> np.ndarray:
        """A grey image, as `images.grey` gives it, as the network takes it: uint8 (H, H)."""
        return images.square(image, size=self.size, keep_aspect=self.facts["keep_aspect"])

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (B, H, H) -> calibrated probabilities (B, K), how unfamiliar each image is (B,). Any thread may ask.

        Raises BadInput if one of them is no number.
        """
        said = tuple(self.session.run(OUTPUTS, {"pixels": pixels}))
        if not all(np.isfinite(each).all() for each in said):
            raise BadInput(f"{self.path}: answers with what is no number, expected probabilities")
        return said

    def answer(self, path: str | Path) -> Answer:
        """What it says of an image on disk. Raises BadInput as `run` does, and BadInput or OSError for a bad image."""
        pixels = self.pixels(images.grey(path))
        try:
            probabilities, unfamiliar = self.run(pixels[None])
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        present = probabilities[0] >= self.thresholds
        return Answer(probabilities[0], present, round(float(unfamiliar[0]), 6))


def _facts(session: onnxruntime.InferenceSession) -> dict:
    """What stands in the metadata. Raises ValueError if something needed is missing, or no network can be so."""
    facts = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    taken, given = session.get_inputs(), session.get_outputs()
    shapes, kinds = ({node.name: getattr(node, what) for node in taken + given} for what in ("shape", "type"))
    as_asked = [node.name for node in taken] == INPUTS and sorted(node.name for node in given) == OUTPUTS
    if not as_asked or kinds != KINDS or len(shapes["unfamiliar"]) != 1:
        raise ValueError(f"it takes and gives {kinds}")
    labels, thresholds, size = (facts.get(key) for key in ("labels", "threshold", "size"))
    names = isinstance(labels, list) and all(isinstance(label, str) and label.isprintable() for label in labels)
    _refuse(facts, "labels", names and labels and len(set(labels)) == len(labels))
    _refuse(facts, "size", type(size) is int and 0 < size <= LARGEST and shapes["pixels"][1:] == [size, size])
    _refuse(facts, "labels", shapes["probabilities"][1:] == [len(labels)])
    _refuse(facts, "threshold", isinstance(thresholds, dict) and set(thresholds) == set(labels))
    _refuse(facts, "threshold", all(map(_is_share, thresholds.values())))
    _refuse(facts, "mean", _is_share(facts.get("mean")))
    _refuse(facts, "keep_aspect", isinstance(facts.get("keep_aspect"), bool))
    _refuse(facts, "notice", isinstance(facts.get("notice"), str) and facts["notice"].isprintable())
    return facts


def _refuse(facts: dict, key: str, good: object) -> None:
    if not good:
        raise ValueError(f"{key} is {facts.get(key)!r:.80} in its metadata")


def _is_share(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
