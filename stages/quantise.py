"""Quantise the exported student to 8 bits, and compare both files with the network that was trained.

On every image of test: the largest difference of a probability, and with their intervals the change of AUROC and the
share of decisions that change. Also how often the out-of-distribution check flags images of test, noise, blank images
and photographs.
Reads data/prepared.h5, data/models/student.safetensors, its calibration and data/models/student.onnx, writes
data/models/student.int8.onnx and metrics/export.json.
"""

from pathlib import Path

import numpy as np

from rayling.common.atomic import write_json
from rayling.common.errors import BadInput
from rayling.evaluation import auroc, bootstrap, paired
from rayling.evaluation.results import Calibration
from rayling.export import int8, onnx_export, onnx_file
from rayling.export.out_of_distribution import non_xrays
from rayling.networks import weights
from rayling.predict.model import OnnxModel
from rayling.runtime import hardware, inference
from rayling.runtime.loader import Batches
from rayling.storage import prepared

FULL, SMALL = Path("data/models/student.onnx"), Path("data/models/student.int8.onnx")
EXAMPLES = 256  # train images, evenly spread, that settle the ranges of the 8 bits
SEED = 0  # of the bootstrap and of the images that are no X-rays


def main() -> None:
    """Quantise on train, compare on test."""
    test, full = Batches("data/prepared.h5", "test", device=hardware.start(SEED)), OnnxModel(FULL, threads=0)
    if full.labels != test.split.names:
        raise BadInput(f"{FULL}: of labels {full.labels}, expected {test.split.names} as in the prepared data")
    quantise(full)
    trained, report = probabilities_of_trained(test), {"opset": onnx_export.OPSET, "images": len(test)}
    answers, distances = full.run_all(test.split.images)
    answers_small, _ = OnnxModel(SMALL, threads=0).run_all(test.split.images)
    for name, path, found in (("float32", FULL, answers), ("int8", SMALL, answers_small)):
        report[name] = {"bytes": path.stat().st_size} | compared(full, test.split, found, trained=trained)
    flagged = {kind: share_flagged(full.run_all(images)[1]) for kind, images in non_xrays(full.size, SEED).items()}
    write_json("metrics/export.json", report | {"out_of_distribution": {"test": share_flagged(distances), **flagged}})


def quantise(full: OnnxModel) -> None:
    """Write the 8-bit file with the metadata of the other, less its scores: those of this file stand in the report."""
    images = prepared.read("data/prepared.h5", "train").images
    examples = images[np.linspace(0, len(images) - 1, min(EXAMPLES, len(images))).astype(int)]
    facts = {key: fact for key, fact in full.facts.items() if key != "test"}
    onnx_file.save(SMALL, int8.quantise(FULL, examples), facts)


def probabilities_of_trained(test: Batches) -> np.ndarray:
    """The calibrated probabilities (N, K) of the network that was trained."""
    network, header = weights.load("data/models/student.safetensors", split=test.split)
    calibration = Calibration.read("data/models/student.calibration.json", header.labels)
    return calibration.probabilities(inference.logits(network.to(test.device), test))


def share_flagged(distances: np.ndarray) -> float:
    """The share of images that the check calls out-of-distribution: those with a distance (N,) above 1."""
    return float((distances > 1).mean())


def compared(model: OnnxModel, split: prepared.Split, probabilities: np.ndarray, *, trained: np.ndarray) -> dict:
    """How far the probabilities (N, K) of a file are from those of the network that was trained, (N, K) too."""
    about = {"groups": split.group, "weights": bootstrap.patient_weights(split.group, seed=SEED, resamples=500)}
    pair = (split.labels, probabilities, trained)
    return {
        "largest_difference": float(np.abs(probabilities - trained).max()),
        "auroc": auroc.macro(split.labels, probabilities),
        **paired.difference("auroc_change", bootstrap.macro_auroc, *pair, **about),
        **changed_decisions(model, probabilities, trained, **about),
    }


def changed_decisions(
    model: OnnxModel, first: np.ndarray, second: np.ndarray, *, groups: np.ndarray, weights: np.ndarray
) -> dict[str, float | None]:
    """The share of decisions that differ between two sets of probabilities (N, K), with its interval.

    An image has K decisions, or one if its labels exclude one another. `weights` (B, N) are the resamples of `groups`.
    """
    differ = model.decide(first) != model.decide(second)
    share = differ.any(axis=1) if model.exclusive else differ.mean(axis=1)  # (N,)
    found, drawn, name = float(share.mean()), weights @ share / weights.sum(axis=1), "changed_decisions"
    return {name: found, **bootstrap.share_interval(name, found, drawn, patients=len(np.unique(groups)))}


if __name__ == "__main__":
    main()
