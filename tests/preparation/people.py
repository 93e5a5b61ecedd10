"""Patients with images and labels, and their split."""

import numpy as np
import pandas as pd

from rayling.preparation import splits

LABELS = ["common", "rare", "unknown"]


def people(seed, *, patients=600, source="a"):
    """1 to 6 images a patient; the label follows the patient, `unknown` is often NaN."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 7, patients)
    patient = np.repeat([f"p{i}" for i in range(patients)], images)
    labels = np.repeat(rng.random((patients, 3)) < [0.4, 0.05, 0.2], images, axis=0).astype(np.float32)
    labels[rng.random(len(labels)) < 0.3, 2] = np.nan
    table = pd.DataFrame({"source": source, "patient": patient, "split": ""})
    return grouped(table.assign(**dict(zip(LABELS, labels.T, strict=True))))


def grouped(table):
    """Every patient is a group, as in a set without duplicates."""
    return table.assign(group=table["source"] + "/" + table["patient"])


def by_group(table, *, dev=0.1, test=0.2, seed=0, labels=LABELS):
    return splits.by_group(table, labels=labels, dev=dev, test=test, seed=seed)


def splits_of_patients(table, split):
    """The number of splits that each (source, patient) is in."""
    return table.assign(split=split).groupby(["source", "patient"])["split"].nunique()
