"""Run an exported network with onnxruntime and numpy alone, without torch.

B images of H × H pixels, K labels.
"""

import json
import math
from pathlib import Path

import numpy as np
import onnxruntime

from rayling.common.errors import BadInput

INPUTS, OUTPUTS = ["pixels"], ["probabilities", "out_of_distribution"]
TYPES = {"pixels": "tensor(uint8)", "probabilities": "tensor(float)", "out_of_distribution": "tensor(float)"}
# what is true of older files, which do not say it
OLDER = {"exclusive": False, "operating_point": None, "operating_points": {}}
BLOCK = 64  # images in one run
MAX_SIZE = 8192  # pixels a side, as in config/schema.py: a file may not make us allocate any amount of memory


class OnnxModel:
    """One file that the stages `export` or `quantise` wrote.

    `facts` is its metadata; `labels` (K names), `size` (H), `exclusive` and `thresholds` stand in it too. Of exclusive
    labels an image has one; these have no thresholds (None), others have (K,), those of the `operating_point` (None in
    older files, which have one without a name). `site` is the hospital for which `rayling.recalibration` made the file.
    """

    def __init__(self, path: str | Path, *, threads: int = 1, operating_point: str | None = None) -> None:
        """Load the file, to run on `threads` threads (0: all cores), and decide by one of its operating points.

        Without `operating_point` by the one that the study chose. Raises BadInput if the file is not a model of this
        project, or has no such operating point.
        """
        self.path = path
        self.session, self.facts = _load(path, threads)
        _check_interface(path, self.session)
        _check_facts(path, self.facts, self.session)
        self.labels, self.size, self.exclusive = (self.facts[key] for key in ("labels", "size", "exclusive"))
        self.site = (self.facts.get("recalibrated") or {}).get("site")
        self.operating_point = operating_point or self.facts["operating_point"]
        thresholds = self._thresholds_of(operating_point) if operating_point else self.facts["threshold"]
        self.thresholds = None if self.exclusive else np.array([thresholds[label] for label in self.labels])

    def _thresholds_of(self, operating_point: str) -> dict[str, float]:
        points = self.facts["operating_points"]
        if operating_point not in points:
            expected = f"expected one of {', '.join(points)}" if points else "expected none: the file has no other"
            raise BadInput(f"{self.path}: found no operating point {operating_point!r}, {expected}")
        return points[operating_point]

    def run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (B, H, H) -> calibrated probabilities (B, K) and distances from the training images (B,).

        Above a distance of 1 an image is out of distribution (`rayling/export/out_of_distribution.py`). Safe to call
        from several threads. Raises BadInput if an output is NaN or infinite.
        """
        probabilities, distances = self.session.run(OUTPUTS, {"pixels": pixels})
        if not (np.isfinite(probabilities).all() and np.isfinite(distances).all()):
            raise BadInput(f"{self.path}: an output is NaN or infinite, expected probabilities")
        return probabilities, distances

    def run_all(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `run` for any number of images, uint8 (N, H, H), which may be mapped: `BLOCK` of them at a time."""
        blocks = [self.run(pixels[first : first + BLOCK]) for first in range(0, len(pixels), BLOCK)]
        probabilities, distances = zip(*blocks, strict=True)
        return np.concatenate(probabilities), np.concatenate(distances)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Which labels are the answer for probabilities (B, K), bool (B, K).

        The one most probable label if labels are exclusive, the first of equal ones; else all that reach their
        threshold.
        """
        if self.exclusive:
            return np.arange(len(self.labels)) == probabilities.argmax(1)[:, None]
        return probabilities >= self.thresholds


def _load(path: str | Path, threads: int) -> tuple[onnxruntime.InferenceSession, dict]:
    """The session and the metadata, whose values are JSON."""
    if Path(path).exists() and not Path(path).is_file():
        raise _not_exported(path, "found a folder, a pipe or a device")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 4
    try:
        content = Path(path).read_bytes()  # loaded from memory, a model cannot refer to other files
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        return session, OLDER | {key: json.loads(text) for key, text in metadata.items()}
    except Exception as error:  # onnxruntime raises a dozen kinds without a common base class
        raise _not_exported(path, getattr(error, "strerror", None) or error) from error


def _check_interface(path: str | Path, session: onnxruntime.InferenceSession) -> None:
    """Raise BadInput unless the names, types and dimensions of inputs and outputs are those that `export` writes."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    types = {node.name: node.type for node in inputs + outputs}
    names = [node.name for node in inputs] == INPUTS and sorted(node.name for node in outputs) == sorted(OUTPUTS)
    if not names or types != TYPES or len(_shapes(session)["out_of_distribution"]) != 1:
        raise _not_exported(path, f"found inputs and outputs {types}")


def _check_facts(path: str | Path, facts: dict, session: onnxruntime.InferenceSession) -> None:
    """Raise BadInput if metadata that we need is missing, is of a wrong type or contradicts the network."""
    labels, thresholds, size, exclusive = (facts.get(key) for key in ("labels", "threshold", "size", "exclusive"))
    shapes = _shapes(session)

    def require(key: str, condition: object) -> None:
        if not condition:
            raise _not_exported(path, f"its metadata has {key} {facts.get(key)!r:.80}")

    require("labels", isinstance(labels, list) and labels and all(map(_is_text, labels)))
    require("labels", len(set(labels)) == len(labels) and shapes["probabilities"][1:] == [len(labels)])
    require("size", type(size) is int and 0 < size <= MAX_SIZE and shapes["pixels"][1:] == [size, size])
    require("threshold", isinstance(thresholds, dict) and set(thresholds) == set(labels))
    require("exclusive", isinstance(exclusive, bool) and (len(labels) > 1 or not exclusive))
    require("threshold", all(map(_is_none if exclusive else _is_share, thresholds.values())))
    points = facts["operating_points"]
    require("operating_points", isinstance(points, dict) and all(map(_is_text, points)))
    require("operating_points", all(_are_shares(each, labels) for each in points.values()))
    require("operating_point", facts["operating_point"] in (points or (None,)))
    recalibrated = facts.get("recalibrated")
    require("recalibrated", recalibrated is None or isinstance(recalibrated, dict))
    require("recalibrated", recalibrated is None or _is_text(recalibrated.get("site")))
    require("mean", _is_share(facts.get("mean")))
    require("keep_aspect", isinstance(facts.get("keep_aspect"), bool))
    require("notice", _is_text(facts.get("notice")))


def _shapes(session: onnxruntime.InferenceSession) -> dict[str, list]:
    return {node.name: node.shape for node in session.get_inputs() + session.get_outputs()}


def _are_shares(found: object, labels: list[str]) -> bool:
    return isinstance(found, dict) and set(found) == set(labels) and all(map(_is_share, found.values()))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_none(value: object) -> bool:
    return value is None


def _is_share(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def _not_exported(path: str | Path, reason: object) -> BadInput:
    return BadInput(f"{path}: not an exported network: {reason}; expected an ONNX file that `export` wrote")
