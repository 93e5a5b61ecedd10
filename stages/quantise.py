"""Make the exported student smaller, and say how far both files are from the network that was trained.

Every image of test is asked: the largest difference of a probability, and for the 8-bit file the change of AUROC with
its interval. Also how often the check of `familiar.py` calls test, noise, blank films and photographs unfamiliar.
Reads data/prepared.h5, data/models/student.safetensors and data/models/student.onnx, writes
data/models/student.int8.onnx and metrics/export.json.
"""

from pathlib import Path

import numpy as np

from distill import auroc, bootstrap, calibration, inference, portable, prepared, quantised, runtime, strangers, weights
from distill.atomic import write_json
from distill.batches import Batches
from distill.errors import BadInput
from distill.onnx_model import OnnxModel

FULL, SMALL = Path("data/models/student.onnx"), Path("data/models/student.int8.onnx")
EXAMPLES = 256  # train images, evenly spread, whose ranges the 8 bits are to hold
BLOCK = 64  # images in one run
SEED = 0  # of the bootstrap and of what no X-ray is


def main() -> None:
    """Quantise on train, judge on test."""
    test, full = Batches("data/prepared.h5", "test", device=runtime.start(SEED)), OnnxModel(FULL, threads=0)
    if full.labels != test.split.names:
        raise BadInput(f"{FULL}: of labels {full.labels}, expected {test.split.names} as in the prepared data")
    trained = probabilities(test)
    quantise(full)
    said, unfamiliar = over(full, test.split.images)
    said_small, _ = over(OnnxModel(SMALL, threads=0), test.split.images)
    report = {"opset": portable.OPSET, "images": len(test)}
    for name, path, answers in (("float32", FULL, said), ("int8", SMALL, said_small)):
        report[name] = {"bytes": path.stat().st_size} | compared(test.split, answers, trained=trained)
    write_json("metrics/export.json", report | {"unfamiliar": {"test": share(unfamiliar), **rates(full)}})


def quantise(full: OnnxModel) -> None:
    """Write the 8-bit file. It says all that the other does but its scores: its own stand in metrics/export.json."""
    images = prepared.read("data/prepared.h5", "train").images
    examples = images[np.linspace(0, len(images) - 1, min(EXAMPLES, len(images))).astype(int)]
    facts = {key: fact for key, fact in full.facts.items() if key != "test"}
    portable.save(SMALL, quantised.quantised(FULL, examples), facts)


def probabilities(test: Batches) -> np.ndarray:
    """What the network that was trained says of all images, (N, K)."""
    network, header = weights.load("data/models/student.safetensors", split=test.split)
    return calibration.apply(inference.logits(network.to(test.device), test), header.platt)


def rates(model: OnnxModel) -> dict[str, float]:
    """How much of each kind of pictures that show no chest is called unfamiliar."""
    pictures = strangers.pictures(model.size, SEED)
    return {kind: share(over(model, shown)[1]) for kind, shown in pictures.items()}


def share(unfamiliar: np.ndarray) -> float:
    """The share above 1 of what the check says of images (N,)."""
    return float((unfamiliar > 1).mean())


def over(model: OnnxModel, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model says of all images (N, H, H): probabilities (N, K), how unfamiliar each is (N,)."""
    blocks = [model.run(images[first : first + BLOCK]) for first in range(0, len(images), BLOCK)]
    probabilities, unfamiliar = zip(*blocks, strict=True)
    return np.concatenate(probabilities), np.concatenate(unfamiliar)


def compared(split: prepared.Split, probabilities: np.ndarray, *, trained: np.ndarray) -> dict:
    """How far the probabilities (N, K) of a file are from those of the network that was trained, (N, K) too."""
    found = {
        "largest_difference": float(np.abs(probabilities - trained).max()),
        "auroc": auroc.macro(split.labels, probabilities),
    }
    if found["auroc"] is None:
        return found
    resamples = bootstrap.patient_weights(split.patient_id, seed=SEED, resamples=500)
    changes = [bootstrap.macro_auroc(split.labels, said, resamples) for said in (probabilities, trained)]
    change = found["auroc"] - auroc.macro(split.labels, trained)
    return found | {"auroc_change": change, **bootstrap.interval("auroc_change", changes[0] - changes[1])}


if __name__ == "__main__":
    main()
