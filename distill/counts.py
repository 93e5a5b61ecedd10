"""How many images and patients stand where, and what is odd about it: what `metrics/prepare.json` says."""

import numpy as np
import pandas as pd

from distill.prepared import SPLITS


def census(table: pd.DataFrame, pairs: pd.DataFrame, *, labels: list[str], rows: np.ndarray) -> dict:
    """Counts of a table of images with `left_out`, `split`, `source`, `patient` and a column for each label.

    `pairs` are the duplicates as `duplicates.find` lists them, `rows` (M,) the row numbers of one balanced epoch
    within train. Returns nested counts: of images and of patients by split and label, of those of train with a known
    label, of train labels after balancing, of images by source, split and label, of what was left out and why, and of
    duplicates.
    """
    kept = table[table["left_out"] == ""]
    parts = {split: kept[kept["split"] == split] for split in SPLITS}
    near = pairs["kind"] == "near"
    return {
        "images": {split: _images(part, labels) for split, part in parts.items()},
        "patients": {split: _patients(part, labels) for split, part in parts.items()},
        "labelled": _labelled(parts["train"], labels),
        "balanced": _images(parts["train"].iloc[rows], labels),
        "sources": {
            source: {split: _images(part[part["source"] == source], labels) for split, part in parts.items()}
            for source in sorted(kept["source"].unique())
        },
        "left_out": {"all": len(table) - len(kept)} | reasons(table),
        "duplicates": {
            "copies": int((~near).sum()),
            "near": int(near.sum()),
            "of_two_patients": int((pairs["patients"] == "two").sum()),
            "that_disagree": int((pairs["disagree"] != "").sum()),
        },
        "from_one_source": one_source(kept, labels=labels),
    }


def reasons(table: pd.DataFrame) -> dict[str, int]:
    """How many images are left out, by reason."""
    why = table.loc[table["left_out"] != "", "left_out"].value_counts()
    return {str(reason): int(why[reason]) for reason in sorted(why.index)}


def one_source(kept: pd.DataFrame, *, labels: list[str]) -> dict[str, str]:
    """The labels that only one of several sources has, and which; empty for a study of one source."""
    if kept["source"].nunique() < 2:
        return {}
    having = {label: kept.loc[kept[label] == 1, "source"].unique() for label in labels}
    return {label: str(sources[0]) for label, sources in having.items() if len(sources) == 1}


def remarks(census: dict) -> list[str]:
    """What a person should know before believing a number, a line each; `census` with the count `unlisted`."""
    left_out = [f"{count:,} {why}" for why, count in census["left_out"].items() if why != "all"]
    alone = [f"{label!r} from {source} alone" for label, source in census["from_one_source"].items()]
    near, two, disagree = (census["duplicates"][key] for key in ("near", "of_two_patients", "that_disagree"))
    unlisted = census["unlisted"]
    images, patients = (sum(census[of][split]["all"] for split in SPLITS) for of in ("images", "patients"))
    held_out = {split: census["images"][split]["positive"] for split in ("dev", "test")}
    none = [f"{split} has no {label!r}" for split, count in held_out.items() for label in count if not count[label]]
    sides = [f"{split} {census['images'][split]['all']:,} images" for split in SPLITS]
    sides = [f"{side} of {census['patients'][split]['all']:,}" for side, split in zip(sides, SPLITS, strict=True)]
    known, train = census["labelled"], census["patients"]["train"]["all"]
    lines = {
        f"{', '.join(sides)} patients": True,
        f"labels of {known['patients']:,} of {train:,} train patients are known": known["patients"] < train,
        f"left out: {', '.join(left_out)} (data/split.csv)": left_out,
        f"{near:,} pairs of near-duplicates, each kept on one side (data/duplicates.csv)": near,
        f"warning: {two:,} films stand under two patients (data/duplicates.csv)": two,
        f"warning: {disagree:,} films stand there twice with other labels (data/duplicates.csv)": disagree,
        f"{unlisted:,} images on disk are in no CSV or class (data/unlisted.csv)": unlisted,
        "every image counts as a patient of its own: if some are of one person, name the patients": images == patients,
        f"warning: {', '.join(none)}: what is measured there of these labels is empty": none,
        f"warning: {', '.join(alone)}: a network may tell the source (age, scanner, border) for the finding": alone,
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
    who = part["patient"]
    return {"all": who.nunique(), "positive": {label: who[part[label] == 1].nunique() for label in labels}}
