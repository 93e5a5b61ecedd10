"""Who is in the phantom: patients, their bodies, their studies, and what each study has."""

from dataclasses import dataclass

import numpy as np

from distill.body import Body
from distill.film import View
from distill.seeds import generator

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
    """The chance 0..0.9 of each finding in one patient; troubles, drawn first, make findings go together."""
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
        right_share=rng.uniform(0.28, 0.38),
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
        midgrey=rng.normal(1.05, 0.12),
        gamma=rng.uniform(1.6, 2.5),
    )
