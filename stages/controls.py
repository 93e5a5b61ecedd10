"""Set the controls beside the networks, and say in plain sentences what follows.

The constant answer; a model that sees only the border; one that knows nothing but the source; and whether the source
can be told from the image. Thresholds are chosen on dev and test is judged as in `evaluate`.
Reads data/prepared.h5, data/controls.safetensors, metrics/prepare.json and metrics/<network>.json, writes
metrics/controls.json. Cheap, as it follows every new student.
"""

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import expit

from distill import controls, metrics, origins, prepared
from distill.atomic import read_json, write_json
from distill.errors import BadInput
from distill.prepared import Split
from distill.report import report

SEED = 0  # of the bootstrap: the resamples of `evaluate`
NETWORKS = ("teacher", "assistant", "student")


def main() -> None:
    """Judge what the controls said; write it beside what the networks scored; print the remarks."""
    data = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    said = {name: expit(values) for name, values in logits("data/controls.safetensors", data).items()}
    networks = {name: scored(f"metrics/{name}.json", data["test"].names) for name in NETWORKS}

    border = judged(data["dev"], data["test"], said["border/dev"], said["border/test"])
    probe, alone = of_source(data, said) if "source/dev" in said else (None, None)
    found, student = {"border_alone": border, "source_alone": alone}, networks["student"]
    from_one = read_json("metrics/prepare.json").get("from_one_source", {})
    remarks = [controls.of_border(border, student), controls.of_source(probe, alone, student, from_one=from_one)]
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


def logits(path: str, data: dict[str, Split]) -> dict[str, np.ndarray]:
    """What `train_controls` wrote of dev and test. Raises BadInput if the file is broken, or of other data."""
    try:
        said = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path}: no logits of controls: {error}; expected what `train_controls` writes") from None
    sources = origins.names(data["train"])
    asked = {"border": data["train"].names} | ({"source": sources} if len(sources) > 1 else {})
    shapes = {f"{name}/{s}": (len(data[s].images), len(of)) for name, of in asked.items() for s in ("dev", "test")}
    found = {name: values.shape for name, values in said.items()}
    if found != shapes:
        raise BadInput(f"{path}: found logits {found}, expected {shapes} as in the prepared data")
    return said


def scored(path: str, names: list[str]) -> dict:
    """What `evaluate` reported. Raises BadInput if it is of other labels than `names`."""
    report = read_json(path)
    found = list(report.get("auroc", {}).get("per_label", {}))
    if found != names:
        raise BadInput(f"{path}: of labels {found}, expected {names}")
    return report


if __name__ == "__main__":
    main()
