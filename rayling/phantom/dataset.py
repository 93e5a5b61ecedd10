"""The phantom as a data set: its labels, its files in CheXpert's layout, and examples to look at.

Of each study there are the true labels, and those that a labeller reads in the reports.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from rayling.common.parallel import process_pool
from rayling.common.plotting import contact_sheet
from rayling.phantom.cohort import Study
from rayling.phantom.diseases import LABELS
from rayling.phantom.projection import generator
from rayling.phantom.render import frontal, lateral

COLUMNS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
FRONTAL, LATERAL = "view1_frontal.jpg", "view2_lateral.jpg"
OPACITIES = {"Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"}


def true_labels(studies: list[Study]) -> np.ndarray:
    """Return what is true of each study: (N, 14) of 0.0 and 1.0 in the order of `LABELS`."""
    return np.stack([_true_row(study) for study in studies])


def reported_labels(studies: list[Study], label_noise: float, uncertain: float, blank: float) -> np.ndarray:
    """Return what a labeller reads in the reports: (N, 14) of 1, 0, -1 (uncertain) and NaN (not mentioned).

    `label_noise` is the share of the positives that are missed. As many false positives replace them, so it is also
    the share of the reported positives that are wrong, and the prevalence stays. `uncertain` is the share of the
    reported positives that become -1, more often those of low severity. `blank` is the share of the negatives that
    are not mentioned. "No Finding" is 1 or blank.
    """
    true = true_labels(studies)
    prevalence = true.mean(axis=0)
    false_alarm = label_noise * prevalence / np.maximum(1 - prevalence, 0.01)
    rows = []
    for study, row in zip(studies, true, strict=True):
        rng = generator(study.seed, study.patient, study.number, 2000)
        flip = rng.random(len(LABELS)) < np.where(row == 1, label_noise, false_alarm)
        reported = np.where(flip, 1 - row, row)
        faintness = np.array([2 * (1 - study.severities.get(name, 0.5)) for name in LABELS])
        unsure = (reported == 1) & (rng.random(len(LABELS)) < uncertain * faintness)
        blank_share = np.where(np.array(LABELS) == "No Finding", 1.0, blank)
        unmentioned = (reported == 0) & (rng.random(len(LABELS)) < blank_share)
        unsure[LABELS.index("No Finding")] = False
        rows.append(np.where(unsure, -1.0, np.where(unmentioned, np.nan, reported)))
    return np.array(rows)


def _true_row(study: Study) -> np.ndarray:
    found = set(study.severities)
    if found & OPACITIES:
        found.add("Lung Opacity")
    if not found - {"Support Devices"}:
        found.add("No Finding")
    return np.array([float(name in found) for name in LABELS])


def write_split(
    folder: Path, studies: list[Study], labels: np.ndarray, size: int, processes: int | None = None
) -> None:
    """Draw the studies of one split into `folder` and write their table beside it, as `folder`.csv.

    `labels` (N, 14) are those of the N studies, `size` is in pixels. The number of processes (default: one per core)
    does not change the bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chexpert_table(studies, folder.name, labels).to_csv(folder.with_suffix(".csv"), index=False)
    with process_pool(processes) as pool:
        done = pool.map(partial(write_study, folder, size), studies, chunksize=16)
        for _ in tqdm(done, total=len(studies), desc=folder.name, unit="study", disable=None):
            pass


def write_study(folder: Path, size: int, study: Study) -> None:
    """Draw the frontal image of a study, and its lateral image if it has one, as JPEG below `folder`."""
    place = folder / study.folder
    place.mkdir(parents=True, exist_ok=True)
    patient = (study.seed, study.patient)
    scene = (study.body, study.view, study.severities, size, patient, (*patient, study.number))
    Image.fromarray(frontal(*scene)).save(place / FRONTAL, quality=90)
    if study.lateral:
        Image.fromarray(lateral(*scene)).save(place / LATERAL, quality=90)


def chexpert_table(studies: list[Study], split: str, labels: np.ndarray) -> pd.DataFrame:
    """Return CheXpert's table of the studies, one row per image; `labels` (N, 14) are those of the N studies."""
    rows = []
    for study, values in zip(studies, labels, strict=True):
        place, patient = f"CheXpert-phantom/{split}/{study.folder}", (study.sex, study.body.age)
        rows.append([f"{place}/{FRONTAL}", *patient, "Frontal", "AP" if study.view.ap else "PA", *values])
        if study.lateral:
            rows.append([f"{place}/{LATERAL}", *patient, "Lateral", None, *values])
    return pd.DataFrame(rows, columns=COLUMNS)


def draw_examples(folder: Path, studies: list[Study], path: str | Path) -> None:
    """Write a contact sheet of examples from the images in `folder`, each titled with what is true of it."""
    chosen, titles = zip(*examples(studies), strict=True)
    images = np.stack([np.asarray(Image.open(folder / study.folder / FRONTAL)) for study in chosen])
    title = "phantom: an example of each label, then others"
    contact_sheet(path, images=images, titles=list(titles), columns=7, title=title, width=1.6)


def examples(studies: list[Study], count: int = 28) -> list[tuple[Study, str]]:
    """Choose `count` studies, each with its title: first an obvious example of each label, then any others.

    The example of a label is severe and shows little else.
    """
    true = true_labels(studies)
    chosen = []
    for column, name in enumerate(LABELS):
        if not true[:, column].any():
            continue
        clarity = np.array([s.severities.get(name, 0.5) for s in studies]) - 0.4 * true.sum(axis=1)
        chosen.append((studies[int(np.argmax(np.where(true[:, column] == 1, clarity, -np.inf)))], name))
    for study in studies[:: max(1, len(studies) // (count - len(chosen)))][: count - len(chosen)]:
        chosen.append((study, ",\n".join(list(study.severities)[:3]) or "No Finding"))
    return chosen
