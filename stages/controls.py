"""Set the controls beside the networks, and say in plain sentences what follows.

The constant answer; a model that sees only the border; one that knows nothing but the source; and whether the source
can be told from the image. Thresholds are chosen on dev and test is judged as in `evaluate`.
Reads data/prepared.h5, data/controls.safetensors, metrics/prepare.json and metrics/<network>.json, writes
metrics/controls.json. Cheap, as it follows every new student.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import expit

from distill import controls, metrics, origins, prepared
from distill.atomic import write_json
from distill.prepared import Split
from distill.report import report

SEED = 0  # of the bootstrap: the resamples of `evaluate`
NETWORKS = ("teacher", "assistant", "student")


def main() -> None:
    """Judge what the controls said; write it beside what the networks scored; print the remarks."""
    data = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    said = {name: expit(logits) for name, logits in load_file("data/controls.safetensors").items()}
    networks = {name: read(name) for name in NETWORKS}

    border = judged(data["dev"], data["test"], said["border/dev"], said["border/test"])
    probe, alone = of_source(data, said) if "source/dev" in said else (None, None)
    found, student = {"border_alone": border, "source_alone": alone}, networks["student"]
    remarks = [
        controls.of_border(border, student),
        controls.of_source(probe, alone, student, from_one=read("prepare")["from_one_source"]),
    ]
    table = controls.beside(found, networks) | {"per_label": controls.by_label(found, student)}
    table["source_probe"] = controls.beside({"probe": probe}, {}) if probe else None  # the other labels are sources
    write_json("metrics/controls.json", table | {"remark": remarks})
    for line in remarks:
        print(f"controls: {line}")


def of_source(data: dict[str, Split], said: dict[str, np.ndarray]) -> tuple[dict, dict]:
    """The reports of the probe that predicts the source, and of who is told the source and predicts the labels."""
    sources, dev, test = origins.names(data["train"]), data["dev"], data["test"]
    asked = [origins.as_labels(split, sources) for split in (dev, test)]
    told = [origins.told(data["train"], split) for split in (dev, test)]
    return judged(*asked, said["source/dev"], said["source/test"]), judged(dev, test, *told)


def judged(dev: Split, test: Split, on_dev: np.ndarray, on_test: np.ndarray) -> dict:
    """The report of probabilities (N, K) on test, with the lower bound of each label's AUROC."""
    scores = report(
        names=test.names,
        labels=test.labels,
        probabilities=on_test,
        uncalibrated=on_test,
        thresholds=metrics.thresholds(dev.labels, on_dev),
        constant=metrics.constant_answer(dev.labels),
        patients=test.patient_id,
        seed=SEED,
    )
    bounds = controls.lower_bounds(test.names, test.labels, on_test, patients=test.patient_id, seed=SEED)
    return scores | {"auroc": scores["auroc"] | {"per_label_low": bounds}}


def read(name: str) -> dict:
    """What another stage reported."""
    return json.loads(Path(f"metrics/{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
