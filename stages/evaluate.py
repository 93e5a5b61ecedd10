"""Evaluate one network: `python -m stages.evaluate teacher` (or `assistant`, `student`).

Paper, section 5. Calibration and thresholds are chosen on dev, and only then is the network scored on test, like the
controls. Settings (temperature, loss weights, epochs, ...) must be chosen on dev too, by the numbers under `dev`. These
are optimistic, because dev has also chosen the epoch, the calibration and the thresholds: only test shows how good a
network is.
Reads data/prepared.h5, data/pixels/<name>.h5 and data/models/<name>.safetensors, writes
data/models/<name>.calibration.json, metrics/<name>.json, data/evaluation/<name>.json, plots/evaluation/<name>/ and
data/predictions/<name>.csv.
"""

import sys

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rayling.common.atomic import atomic_folder, write_json
from rayling.config import params
from rayling.evaluation import calibration, decision_curve, figures, groups, metrics, operating_point, results
from rayling.evaluation.scores import all_scores, macro_scores
from rayling.networks import weights
from rayling.runtime import hardware, inference
from rayling.runtime.loader import Batches

SEED = 0  # of the bootstrap: every network is judged on the same resamples


def main(name: str) -> None:
    """Run the network over dev and test, choose on dev, score on test."""
    p = params.read("class_mix", "operating_point")
    device, pixels = hardware.start(SEED), f"data/pixels/{name}.h5"
    dev, test = (Batches("data/prepared.h5", split, device=device, pixels=pixels) for split in ("dev", "test"))
    network, header = weights.load(f"data/models/{name}.safetensors", split=test.split)
    network.to(device)
    dev_logits, test_logits = (inference.logits(network, split, title=name) for split in (dev, test))

    of_dev = (header.labels, dev.split.labels, dev_logits)
    wanted = {"class_mix": p.class_mix, "operating_point": p.operating_point.chosen}
    chosen = calibration.choose(*of_dev, exclusive=header.exclusive, **wanted)
    chosen.write(f"data/models/{name}.calibration.json")
    on_dev, on_test = (chosen.probabilities(logits) for logits in (dev_logits, test_logits))

    of_test = {"names": header.labels, "labels": test.split.labels, "probabilities": on_test}
    uncalibrated = results.uncalibrated(test_logits, exclusive=header.exclusive)
    scores = all_scores(
        **of_test,
        uncalibrated=uncalibrated,
        thresholds=chosen.thresholds,
        constant=metrics.constant_answer(dev.split.labels, exclusive=header.exclusive),
        patients=test.split.patient_id,
        groups=test.split.group,
        seed=SEED,
    )
    scores_on_dev = macro_scores(labels=dev.split.labels, probabilities=on_dev, thresholds=chosen.thresholds)
    details = {
        "decision": scores.pop("decision"),
        "operating_point": chosen.operating_point,
        "operating_points": operating_point.all_points(test.split, on_test, chosen, seed=SEED),
        "groups": groups.group_scores(test.split, on_test, chosen.thresholds, seed=SEED),
    }
    # apart from metrics/, as `dvc metrics diff` would have a thousand more lines
    write_json(f"data/evaluation/{name}.json", details)
    write_json(f"metrics/{name}.json", scores | {"dev": scores_on_dev} | cost(network, header.size))
    results.write_predictions(f"data/predictions/{name}.csv", test.split, on_test)

    title, matrix = f"{name}, {header.study}, test", figures.confusion if header.exclusive else figures.cooccurrence
    of_decisions = {"names": header.labels, "labels": test.split.labels, "decided": chosen.decide(on_test)}
    with atomic_folder(f"plots/evaluation/{name}") as folder:
        figures.roc(folder / "roc.png", **of_test, title=title)
        figures.precision_recall(folder / "precision_recall.png", **of_test, title=title)
        figures.calibration(folder / "calibration.png", **of_test, uncalibrated=uncalibrated, title=title)
        decision_curve.draw(folder / "decision_curve.png", **of_test, title=title)
        matrix(folder / f"{matrix.__name__}.png", **of_decisions, title=title)


def cost(network: nn.Module, size: int) -> dict[str, int]:
    """Trainable `parameters`, and `macs`: multiply-adds for one image of `size` × `size` pixels.

    torch counts convolutions and matrix products, two operations a multiply-add.
    """
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, size, size, device=device))
    parameters = sum(weight.numel() for weight in network.parameters())
    return {"parameters": parameters, "macs": counter.get_total_flops() // 2}


if __name__ == "__main__":
    main(sys.argv[1])
