"""Quantise the exported student to 8 bits, and compare both files with the network that was trained.

On every image of test: the largest difference of a probability and the change of AUROC with its interval, and of
exclusive labels how often the most probable one is the same. Also how often the out-of-distribution check flags images
of test, noise, blank images and photographs.
Reads data/prepared.h5, data/models/student.safetensors, its calibration and data/models/student.onnx, writes
data/models/student.int8.onnx and metrics/export.json.
"""

from pathlib import Path

import numpy as np

from rayling.common.atomic import write_json
from rayling.common.errors import BadInput
from rayling.evaluation import auroc, bootstrap
from rayling.evaluation.results import Calibration
from rayling.export import int8, onnx_export
from rayling.export.out_of_distribution import non_xrays
from rayling.networks import weights
from rayling.predict.model import OnnxModel
from rayling.runtime import hardware, inference
from rayling.runtime.loader import Batches
from rayling.storage import prepared

FULL, SMALL = Path("data/models/student.onnx"), Path("data/models/student.int8.onnx")
EXAMPLES = 256  # train images, evenly spread, that settle the ranges of the 8 bits
BLOCK = 64  # images in one run
SEED = 0  # of the bootstrap and of the images that are no X-rays


def main() -> None:
    """Quantise on train, compare on test."""
    test, full = Batches("data/prepared.h5", "test", device=hardware.start(SEED)), OnnxModel(FULL, threads=0)
    if full.labels != test.split.names:
        raise BadInput(f"{FULL}: of labels {full.labels}, expected {test.split.names} as in the prepared data")
    quantise(full)
    trained, report = probabilities_of_trained(test), {"opset": onnx_export.OPSET, "images": len(test)}
    answers, distances = run(full, test.split.images)
    answers_small, _ = run(OnnxModel(SMALL, threads=0), test.split.images)
    for name, path, found in (("float32", FULL, answers), ("int8", SMALL, answers_small)):
        report[name] = {"bytes": path.stat().st_size} | compared(test.split, found, trained=trained)
        if full.exclusive:
            report[name]["same_answer"] = share_of_same_answers(full, found, trained)
    flagged = {kind: share_flagged(run(full, images)[1]) for kind, images in non_xrays(full.size, SEED).items()}
    write_json("metrics/export.json", report | {"out_of_distribution": {"test": share_flagged(distances), **flagged}})


def quantise(full: OnnxModel) -> None:
    """Write the 8-bit file with the metadata of the other, less its scores: those of this file stand in the report."""
    images = prepared.read("data/prepared.h5", "train").images
    examples = images[np.linspace(0, len(images) - 1, min(EXAMPLES, len(images))).astype(int)]
    facts = {key: fact for key, fact in full.facts.items() if key != "test"}
    onnx_export.save(SMALL, int8.quantise(FULL, examples), facts)


def probabilities_of_trained(test: Batches) -> np.ndarray:
    """The calibrated probabilities (N, K) of the network that was trained."""
    network, header = weights.load("data/models/student.safetensors", split=test.split)
    calibration = Calibration.read("data/models/student.calibration.json", header.labels)
    return calibration.probabilities(inference.logits(network.to(test.device), test))


def run(model: OnnxModel, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of images (N, H, H): the probabilities (N, K) and the distances of the out-of-distribution check (N,)."""
    blocks = [model.run(images[first : first + BLOCK]) for first in range(0, len(images), BLOCK)]
    probabilities, distances = zip(*blocks, strict=True)
    return np.concatenate(probabilities), np.concatenate(distances)


def share_flagged(distances: np.ndarray) -> float:
    """The share of images that the check calls out-of-distribution: those with a distance (N,) above 1."""
    return float((distances > 1).mean())


def share_of_same_answers(model: OnnxModel, probabilities: np.ndarray, trained: np.ndarray) -> float:
    """The share of images of which both probabilities (N, K) give the same answer."""
    return float((model.decide(probabilities) == model.decide(trained)).all(axis=1).mean())


def compared(split: prepared.Split, probabilities: np.ndarray, *, trained: np.ndarray) -> dict:
    """How far the probabilities (N, K) of a file are from those of the network that was trained, (N, K) too."""
    found = {
        "largest_difference": float(np.abs(probabilities - trained).max()),
        "auroc": auroc.macro(split.labels, probabilities),
    }
    if found["auroc"] is None:
        return found
    resamples = bootstrap.patient_weights(split.patient_id, seed=SEED, resamples=500)
    drawn, drawn_trained = (bootstrap.macro_auroc(split.labels, of, resamples) for of in (probabilities, trained))
    change = found["auroc"] - auroc.macro(split.labels, trained)
    return found | {"auroc_change": change, **bootstrap.interval("auroc_change", drawn - drawn_trained)}


if __name__ == "__main__":
    main()
