"""Export one trained network as an ONNX file for a CPU: `python -m stages.export student` (or `teacher`, `assistant`).

The file holds all that its user needs: normalisation, calibration, thresholds, label names and scores on test.
Reads data/prepared.h5, data/models/<name>.safetensors, data/models/<name>.calibration.json and metrics/<name>.json,
writes data/models/<name>.onnx.
"""

import sys
from dataclasses import asdict

from rayling.common.atomic import read_json
from rayling.common.errors import BadInput
from rayling.config import params
from rayling.evaluation.results import Calibration
from rayling.export import notice, onnx_export
from rayling.export.onnx_export import ExportedNetwork
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from rayling.storage import prepared

SCORES = ("auroc", "average_precision", "f1", "calibration_error", "images", "patients")  # that the file carries


def main(name: str) -> None:
    """Export the network of this name."""
    p = params.read("data")
    train, dev = (prepared.read("data/prepared.h5", split) for split in ("train", "dev"))
    network, header = weights.load(f"data/models/{name}.safetensors", split=train)
    calibration = Calibration.read(f"data/models/{name}.calibration.json", header.labels)
    out_of_distribution = OutOfDistribution(train.size).fit(train.images, dev.images)
    exported = ExportedNetwork(network, header, calibration, out_of_distribution)

    thresholds = dict(zip(header.labels, calibration.thresholds.tolist(), strict=True))
    facts = asdict(header) | {
        "keep_aspect": p.data.keep_aspect,
        "threshold": thresholds,
        "test": scores_of(name, header.labels),
    }
    facts |= {"notice": notice.of(header.study), "made_by": "Rayling"}
    onnx_export.save(f"data/models/{name}.onnx", onnx_export.to_onnx(exported, size=train.size), facts)


def scores_of(name: str, labels: list[str]) -> dict:
    """The network's scores on test that the file carries. Raises BadInput if one is missing, or of other labels."""
    scores = read_json(f"metrics/{name}.json")
    for key in SCORES:
        if key not in scores:
            raise BadInput(f"metrics/{name}.json: found no {key}; expected what `evaluate` writes")
    found = list(scores["auroc"]["per_label"])
    if found != labels:
        raise BadInput(f"metrics/{name}.json: found labels {found}, expected {labels}")
    return {key: scores[key] for key in SCORES}


if __name__ == "__main__":
    main(sys.argv[1])
