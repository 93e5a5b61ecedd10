"""Compare the controls with the networks, and the student with its teachers; write in plain sentences what follows.

The controls are the constant answer; a model that sees only the border; a model that predicts the labels from the
source alone; a probe that predicts the source from the image; and the student's network trained on the labels alone,
which shows whether distillation helps or harms. Thresholds and calibration are chosen on dev and test is scored as in
`evaluate`.
Reads data/prepared.h5, data/controls.safetensors, data/predictions/<network>.csv, metrics/prepare.json and
metrics/<network>.json, writes metrics/controls.json. It trains nothing, because it follows every new student.
"""

from types import SimpleNamespace

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy.special import expit

from rayling.common.atomic import read_json, write_json
from rayling.common.errors import BadInput
from rayling.config import params
from rayling.evaluation import calibration, control_models, control_remarks, distillation_gain, metrics, paired, results
from rayling.evaluation.scores import all_scores
from rayling.storage import prepared
from rayling.storage.prepared import Split

SEED = 0  # of the bootstrap: the resamples of `evaluate`
NETWORKS = ("teacher", "assistant", "student")


def main() -> None:
    """Score the controls, write their scores beside those of the networks, and print the remarks."""
    p = params.read("learn_from", "class_mix")
    data = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    logits = read_logits("data/controls.safetensors", data)
    networks = {name: scores_of(f"metrics/{name}.json", data["test"].names) for name in NETWORKS}

    border = scored(data["dev"], data["test"], *answers("border", data["dev"], logits, p.class_mix))
    probe, source_alone = score_source(data, logits, p.class_mix) if "source/dev" in logits else (None, None)
    controls, student = {"border_alone": border, "source_alone": source_alone}, networks["student"]
    from_one = read_json("metrics/prepare.json").get("from_one_source", {})
    remarks = [
        control_remarks.border_remark(border, student),
        control_remarks.source_remark(probe, source_alone, student, from_one=from_one),
    ]
    table = control_remarks.comparison_table(controls, networks)
    table["per_label"] = control_remarks.auroc_by_label(controls, student)
    # a table of its own, as the labels of the probe are the sources
    table["source_probe"] = control_remarks.comparison_table({"probe": probe}, {}) if probe else None
    on_test = {name: results.read_predictions(f"data/predictions/{name}.csv", data["test"]) for name in NETWORKS}
    table |= differences(data["test"], on_test)
    table |= {"remark": remarks, "distillation": distillation(data, logits, on_test["student"], p)}
    write_json("metrics/controls.json", table)
    for remark in [*remarks, *table["distillation"]["remark"]]:
        print(f"controls: {remark}")


def answers(name: str, dev: Split, logits: dict[str, np.ndarray], class_mix: str) -> list[np.ndarray]:
    """The probabilities (N, K) of a control on dev and on test.

    Those of exclusive classes are calibrated: as thresholds do else, the shift decides which class is the answer.
    """
    found = [logits[f"{name}/{split}"] for split in ("dev", "test")]
    if not dev.exclusive:
        return [expit(each) for each in found]
    chosen = calibration.choose(dev.names, dev.labels, found[0], exclusive=True, class_mix=class_mix)
    return [chosen.probabilities(each) for each in found]


def differences(test: Split, on_test: dict[str, np.ndarray]) -> dict[str, dict]:
    """What the student has more on test than teacher and assistant, from the probabilities (N, K) of each network."""
    about = {"groups": test.group, "exclusive": test.exclusive, "seed": SEED}
    return {
        f"student_minus_{name}": paired.differences(test.labels, on_test["student"], on_test[name], **about)
        for name in ("teacher", "assistant")
    }


def distillation(data: dict[str, Split], logits: dict[str, np.ndarray], taught: np.ndarray, p: SimpleNamespace) -> dict:
    """What the student gained on test over the same network alone: the verdict, a remark and the numbers.

    `taught` are the student's probabilities (N, K); `p` holds `learn_from` and `class_mix`.
    """
    dev, test = data["dev"], data["test"]
    of_dev = (dev.names, dev.labels, logits["alone/dev"])
    alone = calibration.choose(*of_dev, exclusive=dev.exclusive, class_mix=p.class_mix)
    gains = distillation_gain.gains(
        test.labels,
        taught=taught,
        alone=alone.probabilities(logits["alone/test"]).round(6),  # as those of the student stand in the file
        groups=test.group,
        exclusive=test.exclusive,
        seed=SEED,
    )
    verdict, remark = (
        say(gains, learn_from=p.learn_from) for say in (distillation_gain.verdict, distillation_gain.remark)
    )
    return {"verdict": verdict, "remark": [remark]} | gains  # a list, as `dvc metrics show` leaves lists out


def score_source(data: dict[str, Split], logits: dict[str, np.ndarray], class_mix: str) -> tuple[dict, dict]:
    """The scores of the probe that predicts the source, and of the model that predicts labels from the source alone."""
    sources, dev, test = control_models.source_names(data["train"]), data["dev"], data["test"]
    by_source = [control_models.source_labels(split, sources) for split in (dev, test)]
    source_alone = [control_models.source_prevalence(data["train"], split) for split in (dev, test)]
    return scored(*by_source, *answers("source", by_source[0], logits, class_mix)), scored(dev, test, *source_alone)


def scored(dev: Split, test: Split, on_dev: np.ndarray, on_test: np.ndarray) -> dict:
    """The scores of probabilities (N, K) on test."""
    return all_scores(
        names=test.names,
        labels=test.labels,
        probabilities=on_test,
        uncalibrated=on_test,
        thresholds=None if test.exclusive else metrics.thresholds(dev.labels, on_dev),
        constant=metrics.constant_answer(dev.labels, exclusive=dev.exclusive),
        patients=test.patient_id,
        groups=test.group,
        seed=SEED,
    )


def read_logits(path: str, data: dict[str, Split]) -> dict[str, np.ndarray]:
    """The logits (N, K) that `train_controls` wrote, such as `border/dev`.

    Raises BadInput if the file is damaged, or was made from other data.
    """
    try:
        logits = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BadInput(f"{path}: no logits of controls: {error}; expected what `train_controls` writes") from None
    sources = control_models.source_names(data["train"])
    names = dict.fromkeys(("border", "alone"), data["train"].names) | ({"source": sources} if len(sources) > 1 else {})
    expected = {f"{name}/{s}": (len(data[s].images), len(of)) for name, of in names.items() for s in ("dev", "test")}
    found = {name: values.shape for name, values in logits.items()}
    if found != expected:
        raise BadInput(f"{path}: found logits {found}, expected {expected} as in the prepared data")
    return logits


def scores_of(path: str, names: list[str]) -> dict:
    """The scores that `evaluate` wrote. Raises BadInput if they are for other labels than `names`."""
    scores = read_json(path)
    found = list(scores.get("auroc", {}).get("per_label", {}))
    if found != names:
        raise BadInput(f"{path}: found labels {found}, expected {names}")
    return scores


if __name__ == "__main__":
    main()
