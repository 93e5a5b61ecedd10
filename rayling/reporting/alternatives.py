"""Texts for those who do not see the pictures of the report: what is drawn, with its numbers."""

from collections.abc import Mapping

import pandas as pd

from rayling.reporting.page import number

Texts = dict[str, str]  # by the name of the picture, without suffix
KINDS = {
    "best": "the student is surest of a finding that is there",
    "worst": "the student is furthest from the label",
    "disagreeing": "student and teacher differ most",
}


def all_texts(
    scores: Mapping[str, Mapping], histories: Mapping[str, pd.DataFrame], images: int, labels: list[str]
) -> dict[str, Texts | str]:
    """The texts of all pictures: of each network's curves, each kind of cases, `training` and the `contact_sheet`.

    `scores` and `histories` are those of the networks by name; `images` is the number of train images.
    """
    of_networks = {name: curves(name, scores[name]) for name in ("student", "assistant", "teacher")}
    of_cases = {
        kind: f"Test images on which {what}, each beside the occlusion maps of student and teacher."
        for kind, what in KINDS.items()
    }
    sheet = f"Examples of the {images:,} train images, a row for each label of each source: {', '.join(labels)}."
    return of_networks | of_cases | {"training": training(histories), "contact_sheet": sheet}


def curves(name: str, scores: Mapping) -> Texts:
    """The texts of plots/evaluation/<name>/, from the metrics of the network."""
    uncalibrated = number(scores["calibration_error"]["uncalibrated"])
    found = {
        "roc": f"ROC curve of each label, {name}. AUROC {_range(scores['auroc'])}.",
        "precision_recall": f"Precision over recall of each label, {name}. Average precision "
        f"{_range(scores['average_precision'])}.",
        "calibration": f"Share of positives over predicted probability, {name}. Calibration error "
        f"{_range(scores['calibration_error'])}, without calibration {uncalibrated}.",
        "decision_curve": f"Net benefit of acting on the {name}, by label, over the probability from which one acts, "
        "beside acting on every image and on none.",
    }
    if "accuracy" in scores:
        confused = f"Share of each class that the {name} takes for each class. Accuracy {number(scores['accuracy'])}, "
        return found | {"confusion": f"{confused}balanced accuracy {number(scores['balanced_accuracy'])}."}
    text = f"Share of the images with each label for which the {name} answers each label. F1 {_range(scores['f1'])}."
    return found | {"cooccurrence": text}


def _range(score: Mapping) -> str:
    """The mean of a score over the labels, and its least and greatest value with their labels."""
    known = {label: value for label, value in score["per_label"].items() if value is not None}
    mean = f"{number(score['macro'])} on average"
    if len(known) < 2:
        return mean
    ends = [f"{number(known[label])} ({label})" for label in (min(known, key=known.get), max(known, key=known.get))]
    return f"{mean}, from {ends[0]} to {ends[1]}"


def training(histories: Mapping[str, pd.DataFrame]) -> str:
    """The text of plots/training.png."""
    best = {name: history.loc[history["dev_auroc"].idxmax()] for name, history in histories.items()}
    ends = [f"{name} {row['dev_auroc']:.3f} in epoch {row['epoch']:.0f}" for name, row in best.items()]
    return f"AUROC on dev and the terms of the loss, epoch by epoch. Best AUROC on dev: {', '.join(ends)}."
