"""Who is in the phantom: patients, their studies, what is true of each, and what the report says of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from distill.anatomy import Body, View
from distill.findings import LABELS, generator

COLUMNS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
FIRST_VALID = 64541  # CheXpert's own first patient of its valid set
LATERAL = 0.1  # share of studies with a second, lateral film

# How plain a finding is: low + (high - low) * Beta(a, b) on `findings.py`'s scale: the knob of difficulty.
SEVERITY = {"low": 0.0, "high": 1.0, "a": 1.1, "b": 1.3}

# The chance of each finding in a patient without trouble, and what each trouble adds to it.
TROUBLES = {
    "heart failure": 0.25,
    "infection": 0.22,
    "injury": 0.14,
    "intensive care": 0.3,
    "lung disease": 0.18,
}
CHANCE = {
    "Enlarged Cardiomediastinum": (0.04, 0.14, 0.00, 0.12, 0.04, 0.02),
    "Cardiomegaly": (0.05, 0.60, 0.00, 0.00, 0.05, 0.02),
    "Lung Opacity": (0.02, 0.05, 0.10, 0.03, 0.05, 0.06),
    "Lung Lesion": (0.05, 0.00, 0.01, 0.00, 0.01, 0.40),
    "Edema": (0.02, 0.50, 0.03, 0.00, 0.16, 0.00),
    "Consolidation": (0.01, 0.02, 0.40, 0.05, 0.06, 0.03),
    "Pneumonia": (0.01, 0.01, 0.40, 0.00, 0.05, 0.02),
    "Atelectasis": (0.04, 0.08, 0.06, 0.12, 0.18, 0.05),
    "Pneumothorax": (0.01, 0.00, 0.00, 0.38, 0.10, 0.06),
    "Pleural Effusion": (0.03, 0.45, 0.15, 0.12, 0.15, 0.10),
    "Pleural Other": (0.03, 0.01, 0.03, 0.08, 0.00, 0.32),
    "Fracture": (0.03, 0.00, 0.00, 0.55, 0.01, 0.01),
    "Support Devices": (0.06, 0.22, 0.05, 0.25, 0.62, 0.05),
}
LASTING = {"Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion", "Pleural Other", "Fracture"}
OPACITIES = {"Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"}


@dataclass(frozen=True)
class Study:
    """One visit: the patient's body, how the film was taken, and the strength 0..1 of every finding drawn."""

    seed: int
    patient: int
    number: int  # 1 is the first
    sex: str
    body: Body
    view: View
    strengths: dict[str, float]
    lateral: bool

    @property
    def folder(self) -> str:
        """`patient00001/study1`, the study's place below its split's folder."""
        return f"patient{self.patient:05d}/study{self.number}"


def sample(seed: int, first: int, patients: int, most_studies: int = 4) -> list[Study]:
    """The studies of `patients` patients numbered from `first`; each depends on seed and number only."""
    return [s for n in range(first, first + patients) for s in sample_patient(seed, n, most_studies)]


def sample_patient(seed: int, patient: int, most_studies: int = 4) -> list[Study]:
    """One patient's 1 to `most_studies` studies: the same body, a new position, findings that come and go."""
    rng = generator(seed, patient, 1000)
    sex = "Female" if rng.random() < 0.42 else "Male"
    body = sample_body(rng, sex)
    chance = chances(rng)
    has = {name: rng.random() < p for name, p in chance.items()}
    level = {name: severity(rng) for name in CHANCE}
    studies = []
    for number in range(1, int(rng.integers(1, most_studies + 1)) + 1):
        strengths = {name: level[name] for name in CHANCE if has[name]}
        view = sample_view(rng, portable=0.35 + 0.5 * has["Support Devices"])
        lateral = bool(rng.random() < LATERAL)
        studies.append(Study(seed, patient, number, sex, body, view, strengths, lateral))
        for name, p in chance.items():
            if name not in LASTING and rng.random() < 0.35:
                has[name] = rng.random() < p
            level[name] = float(np.clip(level[name] + rng.normal(0, 0.08), SEVERITY["low"], SEVERITY["high"]))
    return studies


def severity(rng) -> float:
    """How plain a finding is, drawn as `SEVERITY` says."""
    return SEVERITY["low"] + (SEVERITY["high"] - SEVERITY["low"]) * rng.beta(SEVERITY["a"], SEVERITY["b"])


def chances(rng) -> dict[str, float]:
    """The chance of each finding in one patient; troubles, drawn first, make findings go together."""
    troubled = np.array([1.0] + [float(rng.random() < p) for p in TROUBLES.values()])
    return {name: min(0.9, float(np.dot(row, troubled))) for name, row in CHANCE.items()}


def sample_body(rng, sex: str) -> Body:
    """A patient's build. The healthy heart ends at 0.49 of the chest, so that size alone is never certain."""
    age = int(np.clip(rng.normal(60, 18), 18, 90))
    fat = rng.beta(2, 2.5)
    small = 0.03 * (sex == "Female")
    return Body(
        age=age,
        fat=fat,
        breast=float(np.clip(rng.normal(0.35 + 0.5 * fat, 0.2), 0.1, 1)) if sex == "Female" else 0.0,
        width=float(np.clip(rng.normal(0.75, 0.03), 0.68, 0.82)) - small,
        apex=rng.normal(-0.74, 0.03),
        base=rng.normal(0.62, 0.045),
        dome=rng.uniform(0.15, 0.24),
        rib_gap=rng.uniform(0.13, 0.165),
        rib_start=rng.uniform(-0.08, 0.08),
        lift=(max(0.0, rng.uniform(-0.15, 0.06)), max(0.0, rng.uniform(-0.15, 0.06))),
        ctr=0.40 + 0.09 * rng.beta(2, 1.5),
        axis=rng.uniform(0.28, 0.38),
        mediastinum=rng.uniform(0.125, 0.168),
        knob=0.03 + 0.0007 * age + rng.uniform(0, 0.02),
        vascular=rng.uniform(0.7, 1.3),
    )


def sample_view(rng, portable: float) -> View:
    """How one film is taken; a portable AP film has less breath, a poorer position and a poorer exposure."""
    ap = bool(rng.random() < portable)
    loose = 1.6 if ap else 1.0
    return View(
        ap=ap,
        angle=rng.normal(0, 0.025) * loose,
        shift=(rng.normal(0, 0.035) * loose, rng.normal(0.04, 0.035) * loose),
        zoom=float(np.clip(rng.normal(1.13 + 0.04 * ap, 0.06), 0.98, 1.28)),
        turn=float(np.clip(rng.normal(0, 0.4) * loose, -1.5, 1.5)),
        breath=abs(rng.normal(0, 0.03)) * loose,
        dose=rng.uniform(800, 4000) / loose,
        centre=rng.normal(1.05, 0.12),
        gamma=rng.uniform(1.6, 2.5),
    )


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
