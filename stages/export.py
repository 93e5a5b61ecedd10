"""Export one trained network as an ONNX file for a CPU: `python -m stages.export student` (or `teacher`, `assistant`).

The file holds all that its user needs: normalisation, calibration, thresholds, label names, what it scored on test.
Reads data/prepared.h5, data/models/<name>.safetensors and metrics/<name>.json, writes data/models/<name>.onnx.
"""

import sys
from dataclasses import asdict

from distill import notice, params, portable, prepared, weights
from distill.atomic import read_json
from distill.errors import BadInput
from distill.familiar import Familiar

TOLD = ("auroc", "average_precision", "f1", "calibration_error", "images", "patients")  # of what it scored on test


def main(name: str) -> None:
    """Export the network of this name."""
    p = params.read("data")
    train, dev = (prepared.read("data/prepared.h5", split) for split in ("train", "dev"))
    network, header = weights.load(f"data/models/{name}.safetensors", split=train)
    familiar = Familiar(train.size).fit(train.images, dev.images)
    scores = read_json(f"metrics/{name}.json")
    missing = [key for key in TOLD if key not in scores]
    if missing or list(scores.get("threshold", {})) != header.labels:
        found = f"no {missing[0]}" if missing else f"no threshold for each of {header.labels}"
        raise BadInput(f"metrics/{name}.json: found {found}; expected what `evaluate` writes")
    facts = asdict(header) | {"keep_aspect": p.data.keep_aspect, "threshold": scores["threshold"]}
    facts |= {"test": {key: scores[key] for key in TOLD}, "notice": notice.of(header.study), "made_by": "Rayling"}
    model = portable.exported(portable.Portable(network, header, familiar), size=train.size)
    portable.save(f"data/models/{name}.onnx", model, facts)


if __name__ == "__main__":
    main(sys.argv[1])
