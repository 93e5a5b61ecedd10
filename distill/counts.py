"""How many images and patients stand where: what `metrics/prepare.json` says."""

import numpy as np
import pandas as pd

from distill.prepared import SPLITS


def census(table: pd.DataFrame, *, labels: list[str], rows: np.ndarray) -> dict:
    """Counts of a table of images with `split`, `source`, `patient` and a column for each label (1, 0, NaN).

    `rows` (M,) are the row numbers of one balanced epoch within train. Returns nested counts: of images and of
    patients by split and label, of train labels after balancing, of images by source, split and label.
    """
    train = table[table["split"] == "train"]
    return {
        "images": {split: _images(table[table["split"] == split], labels) for split in SPLITS},
        "patients": {split: _patients(table[table["split"] == split], labels) for split in SPLITS},
        "balanced": _images(train.iloc[rows], labels),
        "sources": {
            source: {split: _images(part[part["split"] == split], labels) for split in SPLITS}
            for source, part in table.groupby("source")
        },
    }


def _images(part: pd.DataFrame, labels: list[str]) -> dict:
    positive = {label: int((part[label] == 1).sum()) for label in labels}
    unknown = {label: int(part[label].isna().sum()) for label in labels if part[label].isna().any()}
    return {"all": len(part), "positive": positive, "unknown": unknown}


def _patients(part: pd.DataFrame, labels: list[str]) -> dict:
    who = part["source"] + "\t" + part["patient"]  # two sources may both have a patient 1
    return {"all": who.nunique(), "positive": {label: who[part[label] == 1].nunique() for label in labels}}
