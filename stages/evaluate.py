"""Evaluate one network: `python -m stages.evaluate teacher` (or `assistant`, `student`).

Paper, section 5. Probabilities are calibrated as the network's file says; thresholds are chosen on dev; test is
read when all is chosen, here and for the controls. Settings (temperature, loss weights, epochs, ...) are chosen on
dev and never on test: the numbers to choose by stand under `dev`. They flatter, as dev has chosen the epoch, the
calibration and the thresholds too; what a network is worth only test tells.
Reads data/prepared.h5 and data/models/<name>.safetensors, writes metrics/<name>.json, plots/evaluation/<name>/ and
data/predictions/<name>.csv, what it said of each image of test.
"""

import sys

import numpy as np
from scipy.special import expit

from distill import calibration, figures, inference, metrics, predictions, runtime, weights
from distill.atomic import atomic_folder, write_json
from distill.batches import Batches
from distill.cost import cost
from distill.report import brief, report

SEED = 0  # of the bootstrap: every network is judged on the same resamples


def main(name: str) -> None:
    """Run the network over dev and test; report and draw what it is worth."""
    dev, test = (Batches("data/prepared.h5", split, device=runtime.start(SEED)) for split in ("dev", "test"))
    network, header = weights.load(f"data/models/{name}.safetensors", split=test.split)
    network.to(test.device)
    dev_logits, test_logits = (inference.logits(network, split, title=name) for split in (dev, test))
    on_dev, on_test = (calibration.apply(logits, header.platt) for logits in (dev_logits, test_logits))

    answers = {"names": header.labels, "labels": test.split.labels, "probabilities": on_test}
    uncalibrated = expit(test_logits)
    thresholds = metrics.thresholds(dev.split.labels, on_dev)
    thresholds = np.floor(thresholds * 1e6) / 1e6  # as they are written: who reads them must decide the same
    scores = report(
        **answers,
        uncalibrated=uncalibrated,
        thresholds=thresholds,
        constant=metrics.constant_answer(dev.split.labels),
        patients=test.split.patient_id,
        seed=SEED,
    )
    chosen_by = {"dev": brief(labels=dev.split.labels, probabilities=on_dev, thresholds=thresholds)}
    write_json(f"metrics/{name}.json", scores | chosen_by | cost(network, header.size))
    predictions.write(f"data/predictions/{name}.csv", test.split, on_test)

    title = f"{name}, {header.study}, test"
    with atomic_folder(f"plots/evaluation/{name}") as folder:
        figures.roc(folder / "roc.png", **answers, title=title)
        figures.precision_recall(folder / "precision_recall.png", **answers, title=title)
        figures.calibration(folder / "calibration.png", **answers, uncalibrated=uncalibrated, title=title)
        figures.cooccurrence(folder / "cooccurrence.png", **answers, thresholds=thresholds, title=title)


if __name__ == "__main__":
    main(sys.argv[1])
