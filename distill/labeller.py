"""What is true of each study of the phantom, what a labeller makes of its report, and CheXpert's table of it."""

import numpy as np
import pandas as pd

from distill.cohort import Study
from distill.findings import LABELS
from distill.seeds import generator

COLUMNS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
OPACITIES = {"Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"}


def truth(study: Study) -> np.ndarray:
    """What is true of a study: (14,) of 0.0 and 1.0 in the order of `LABELS`."""
    found = set(study.strengths)
    if found & OPACITIES:
        found.add("Lung Opacity")
    if not found - {"Support Devices"}:
        found.add("No Finding")
    return np.array([float(name in found) for name in LABELS])


def reports(studies: list[Study], label_noise: float, uncertain: float, blank: float) -> np.ndarray:
    """What a labeller reads in the reports: (studies, 14) of 1, 0, -1 (uncertain) and NaN (not mentioned).

    `label_noise` is the share of positives that are missed and, as many false ones being put in their place,
    the share of reported positives that are wrong: prevalence stays. `uncertain` is the share of reported
    positives that become -1, faint ones more often. `blank` is the share of negatives that are not mentioned;
    "No Finding" is 1 or blank.
    """
    true = np.stack([truth(s) for s in studies])
    rate = true.mean(axis=0)
    false_alarm = label_noise * rate / np.maximum(1 - rate, 0.01)
    rows = []
    for study, row in zip(studies, true, strict=True):
        rng = generator(study.seed, study.patient, study.number, 2000)
        flip = rng.random(len(LABELS)) < np.where(row == 1, label_noise, false_alarm)
        told = np.where(flip, 1 - row, row)
        faint = np.array([2 * (1 - study.strengths.get(name, 0.5)) for name in LABELS])
        unsure = (told == 1) & (rng.random(len(LABELS)) < uncertain * faint)
        silent = (told == 0) & (rng.random(len(LABELS)) < np.where(np.array(LABELS) == "No Finding", 1.0, blank))
        unsure[LABELS.index("No Finding")] = False
        rows.append(np.where(unsure, -1.0, np.where(silent, np.nan, told)))
    return np.array(rows)


def table(studies: list[Study], split: str, labels: np.ndarray) -> pd.DataFrame:
    """CheXpert's CSV, one row a film; `labels` (studies, 14) come from `reports`, or from `truth`."""
    rows = []
    for study, values in zip(studies, labels, strict=True):
        start = [f"CheXpert-phantom/{split}/{study.folder}/view1_frontal.jpg", study.sex, study.body.age]
        rows.append([*start, "Frontal", "AP" if study.view.ap else "PA", *values])
        if study.lateral:
            start[0] = start[0].replace("view1_frontal", "view2_lateral")
            rows.append([*start, "Lateral", None, *values])
    return pd.DataFrame(rows, columns=COLUMNS)
