"""An exported network in use: by onnxruntime and numpy alone, without torch.

B images of H × H pixels, K labels.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from distill import images
from distill.errors import BadInput

NEEDED = {"labels": list, "size": int, "keep_aspect": bool, "mean": float, "threshold": dict, "notice": str}


@dataclass(frozen=True)
class Answer:
    """What a network says of one image."""

    probabilities: np.ndarray  # (K,) calibrated, 0..1
    present: np.ndarray  # (K,) of bools: at the threshold or above
    unfamiliar: float  # above 1: unlike the images that the network was trained on


class OnnxModel:
    """One file that the stages `export` or `quantise` wrote."""

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        """Load it, to compute an image on so many threads. Raises BadInput if it is no model of this project."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        try:
            content = Path(path).read_bytes()  # from memory: a model's file may name no other file
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.facts = _facts(self.session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # onnxruntime has a dozen kinds, below none of their own
            reason = str(getattr(error, "strerror", None) or error)
            raise BadInput(f"{path}: no exported network: {reason}; expected what `export` writes") from None
        self.labels, self.size = self.facts["labels"], self.facts["size"]
        self.thresholds = np.array([self.facts["threshold"][label] for label in self.labels])

    def pixels(self, image: Image.Image) -> np.ndarray:
        """A grey image, as `images.grey` gives it, as the network takes it: uint8 (H, H)."""
        return images.square(image, size=self.size, keep_aspect=self.facts["keep_aspect"])

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (B, H, H) -> calibrated probabilities (B, K), how unfamiliar each image is (B,). Any thread may ask."""
        return tuple(self.session.run(["probabilities", "unfamiliar"], {"pixels": pixels}))

    def answer(self, path: str | Path) -> Answer:
        """What it says of an image on disk. Raises BadInput or OSError if that can't be read."""
        probabilities, unfamiliar = self.run(self.pixels(images.grey(path))[None])
        present = probabilities[0] >= self.thresholds
        return Answer(probabilities[0], present, float(unfamiliar[0]))


def _facts(metadata: dict[str, str]) -> dict:
    """What stands in the metadata. Raises ValueError if something needed is missing or of another type."""
    facts = {key: json.loads(text) for key, text in metadata.items()}
    for key, kind in NEEDED.items():
        if not isinstance(facts.get(key), kind):
            raise ValueError(f"{key} is {facts.get(key)!r:.80} in its metadata, expected {kind.__name__}")
    if set(facts["labels"]) != set(facts["threshold"]):
        raise ValueError(f"thresholds for {sorted(facts['threshold'])}, expected some for {facts['labels']}")
    return facts
