"""Export one trained network as an ONNX file for a CPU: `python -m stages.export student` (or `teacher`, `assistant`).

The file holds all that its user needs: normalisation, calibration, thresholds, label names and scores on test.
Reads data/prepared.h5, data/pixels/<name>.h5, data/models/<name>.safetensors, data/models/<name>.calibration.json and
metrics/<name>.json, writes data/models/<name>.onnx.
"""

import sys
from dataclasses import asdict

from rayling.common.atomic import read_json
from rayling.common.errors import BadInput
from rayling.config import params
from rayling.evaluation.results import Calibration
from rayling.export import notice, onnx_export, onnx_file
from rayling.export.onnx_export import ExportedNetwork
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from rayling.storage import prepared

SCORES = ("auroc", "average_precision", "f1", "calibration_error", "images", "patients")  # that the file carries
ENDS = ("", "_low", "_high")  # of the score and its interval; accuracies are those of exclusive labels
ACCURACIES = tuple(f"{score}{end}" for score in ("accuracy", "balanced_accuracy") for end in ENDS)


def main(name: str) -> None:
    """Export the network of this name."""
    p = params.read("data")
    pixels = f"data/pixels/{name}.h5"
    train, dev = (prepared.read("data/prepared.h5", split, pixels=pixels) for split in ("train", "dev"))
    network, header = weights.load(f"data/models/{name}.safetensors", split=train)
    calibration = Calibration.read(f"data/models/{name}.calibration.json", header.labels)
    out_of_distribution = OutOfDistribution(train.size).fit(train.images, dev.images)
    exported = ExportedNetwork(network, header, calibration, out_of_distribution)

    facts = asdict(header) | decisions_of(calibration) | {"test": scores_of(name, calibration)}
    facts |= {"keep_aspect": p.data.keep_aspect, "notice": notice.of(header.study), "made_by": "Rayling"}
    onnx_file.save(f"data/models/{name}.onnx", onnx_export.to_onnx(exported, size=train.size), facts)


def decisions_of(calibration: Calibration) -> dict:
    """What the file says of decisions: the thresholds, and those of every operating point.

    Of exclusive labels the most probable one is the answer, without a threshold.
    """
    labels, exclusive = calibration.labels, calibration.exclusive
    thresholds = [None] * len(labels) if exclusive else calibration.thresholds.tolist()
    points = {name: dict(zip(labels, at.tolist(), strict=True)) for name, at in calibration.operating_points.items()}
    return {
        "exclusive": exclusive,
        "threshold": dict(zip(labels, thresholds, strict=True)),
        "operating_point": calibration.operating_point,
        "operating_points": points,
    }


def scores_of(name: str, calibration: Calibration) -> dict:
    """The network's scores on test that the file carries. Raises BadInput if one is missing, or of other labels."""
    scores, labels = read_json(f"metrics/{name}.json"), calibration.labels
    keys = SCORES + (ACCURACIES if calibration.exclusive else ())
    for key in keys:
        if key not in scores:
            raise BadInput(f"metrics/{name}.json: found no {key}; expected what `evaluate` writes")
    found = list(scores["auroc"]["per_label"])
    if found != labels:
        raise BadInput(f"metrics/{name}.json: found labels {found}, expected {labels}")
    return {key: scores[key] for key in keys}


if __name__ == "__main__":
    main(sys.argv[1])
