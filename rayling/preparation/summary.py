"""Counts of images and patients for `metrics/prepare.json`, and what is unusual about them."""

import numpy as np
import pandas as pd

from rayling.storage.prepared import SPLITS


def count_all(
    table: pd.DataFrame, pairs: pd.DataFrame, *, labels: list[str], balanced: list[str], strata: tuple
) -> dict:
    """Count a table of images with the columns `left_out`, `unlabelled`, `split`, `source`, `patient` and the labels.

    `pairs` are the duplicates as `duplicates.find` returns them; `strata` of train are those of `sampling.strata`, one
    for each label in `balanced` and one more. Returns nested counts: images and patients by split and label, those of
    train with a known label, unlabelled images by source, the rows of an epoch, images by source, split and label,
    images left out by reason, and duplicates.
    """
    kept = table[table["left_out"] == ""]
    parts = {split: kept[kept["split"] == split] for split in SPLITS}
    near = pairs["kind"] == "near"
    return {
        "images": {split: _images(part, labels) for split, part in parts.items()},
        "patients": {split: _patients(part, labels) for split, part in parts.items()},
        "labelled": _labelled(parts["train"], labels),
        "unlabelled": _sorted_counts(parts["train"].loc[parts["train"]["unlabelled"], "source"]),
        "balanced": _epoch(parts["train"], labels, balanced, *strata),
        "sources": {
            source: {split: _images(part[part["source"] == source], labels) for split, part in parts.items()}
            for source in sorted(kept["source"].unique())
        },
        "left_out": {"all": len(table) - len(kept)} | _sorted_counts(table.loc[table["left_out"] != "", "left_out"]),
        "duplicates": {
            "copies": int((~near).sum()),
            "near": int(near.sum()),
            "of_two_patients": int((pairs["patients"] == "two").sum()),
            "that_disagree": int((pairs["disagree"] != "").sum()),
        },
        "from_one_source": labels_of_one_source(kept, labels=labels),
    }


def labels_of_one_source(kept: pd.DataFrame, *, labels: list[str]) -> dict[str, str]:
    """Return the labels that only one of several labelled sources has, and that source; empty for one such source."""
    kept = kept[~kept["unlabelled"]]
    if kept["source"].nunique() < 2:
        return {}
    having = {label: kept.loc[kept[label] == 1, "source"].unique() for label in labels}
    return {label: str(sources[0]) for label, sources in having.items() if len(sources) == 1}


def remarks(census: dict) -> list[str]:
    """Return what a person should know before relying on the data, a line each.

    `census` is that of `count_all`, with the number of `unlisted` images.
    """
    images, patients, duplicates = census["images"], census["patients"], census["duplicates"]
    sizes = [f"{split} {images[split]['all']:,} images of {patients[split]['all']:,} patients" for split in SPLITS]
    known, train = census["labelled"]["patients"], patients["train"]["all"]
    left_out = [f"{why} ({count:,})" for why, count in census["left_out"].items() if why != "all"]
    unlabelled = [f"{source} ({count:,})" for source, count in census["unlabelled"].items()]
    without = sum(census["unlabelled"].values())
    epoch = census["balanced"]
    shown = [
        f"{n['rows']:,} of the {n['images']:,} with {label!r} (all in {-(-n['images'] // n['rows'])} epochs)"
        for label, n in epoch["undersampled"].items()
    ]
    near, two, disagree = (duplicates[key] for key in ("near", "of_two_patients", "that_disagree"))
    no_patients = sum(images[split]["all"] for split in SPLITS) == sum(patients[split]["all"] for split in SPLITS)
    positive = {split: images[split]["positive"] for split in ("dev", "test")}
    empty = [
        f"{split} has no positive {label!r}" for split in positive for label, n in positive[split].items() if n == 0
    ]
    alone = [f"{label!r} ({source})" for label, source in census["from_one_source"].items()]
    risk = "a network may learn the source (age, scanner, border) instead of the finding"
    lines = {  # each with whether there is anything to say
        ", ".join(sizes): True,
        f"labels of {known:,} of {train:,} train patients are known": known < train,
        f"{without:,} train images are of unlabelled sources: {', '.join(unlabelled)}": unlabelled,
        f"{epoch['all']:,} rows an epoch, drawn anew each time": shown or epoch["all"] != images["train"]["all"],
        f"train images in an epoch: {', '.join(shown)}": shown,
        f"images left out: {', '.join(left_out)}, see data/split.csv": left_out,
        f"{near:,} pairs of near-duplicates, each pair kept in one split, see data/duplicates.csv": near,
        f"warning: {two:,} pairs of duplicates belong to different patients, see data/duplicates.csv": two,
        f"warning: {disagree:,} pairs of duplicates have different labels, see data/duplicates.csv": disagree,
        f"{census['unlisted']:,} images on disk are in no CSV and no class, see data/unlisted.csv": census["unlisted"],
        "every image counts as a patient of its own: if several show one person, name the patients": no_patients,
        f"warning: {', '.join(empty)}: these labels cannot be scored there": empty,
        f"warning: labels that are positive in one source only: {', '.join(alone)}: {risk}": alone,
    }
    return [line for line, cause in lines.items() if cause]


def _images(part: pd.DataFrame, labels: list[str]) -> dict:
    positive = {label: int((part[label] == 1).sum()) for label in labels}
    unknown = {label: int(part[label].isna().sum()) for label in labels if part[label].isna().any()}
    return {"all": len(part), "positive": positive, "unknown": unknown}


def _labelled(train: pd.DataFrame, labels: list[str]) -> dict:
    known = train[train[labels].notna().any(axis=1)]
    return {"images": len(known), "patients": known["patient"].nunique()}


def _patients(part: pd.DataFrame, labels: list[str]) -> dict:
    patient = part["patient"]
    positive = {label: patient[part[label] == 1].nunique() for label in labels}
    return {"all": patient.nunique(), "positive": positive}


def _epoch(
    train: pd.DataFrame, labels: list[str], balanced: list[str], stratum: np.ndarray, wanted: np.ndarray
) -> dict:
    """Return the rows of one epoch by label, the expected number where epochs differ.

    `undersampled` has the labels of which an epoch draws a part: the `images` of the stratum, and `rows` of an epoch.
    """
    images = np.bincount(stratum, minlength=len(wanted))
    times = (wanted / np.maximum(images, 1))[stratum]  # that an epoch has each image
    positive = {label: round(times[train[label] == 1].sum()) for label in labels}
    unknown = {label: round(times[train[label].isna()].sum()) for label in labels if train[label].isna().any()}
    fewer = {
        label: {"images": int(there), "rows": int(rows)}
        for label, there, rows in zip(balanced, images, wanted, strict=False)
        if rows < there
    }
    return {"all": int(wanted.sum()), "positive": positive, "unknown": unknown, "undersampled": fewer}


def _sorted_counts(values: pd.Series) -> dict[str, int]:
    """Count each value."""
    counts = values.value_counts()
    return {str(value): int(counts[value]) for value in sorted(counts.index)}
