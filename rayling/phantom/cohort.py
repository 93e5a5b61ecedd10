"""The patients of the phantom: their bodies, their studies, and the findings of each study."""

from dataclasses import dataclass

import numpy as np

from rayling.phantom.anatomy import Body
from rayling.phantom.projection import View, generator

FIRST_VALID_PATIENT = 64541  # the first patient of CheXpert's valid set
LATERAL_SHARE = 0.1  # share of studies with a second, lateral image

# The severity of a finding (`diseases.py`) is low + (high - low) * Beta(a, b). It sets how difficult the task is.
SEVERITY = {"low": 0.0, "high": 1.0, "a": 1.1, "b": 1.3}

# The share of patients with each underlying condition.
CONDITIONS = {
    "heart failure": 0.25,
    "infection": 0.22,
    "injury": 0.14,
    "intensive care": 0.3,
    "lung disease": 0.18,
}
# The probability of each finding without a condition, and what each condition, in the order above, adds to it.
PROBABILITIES = {
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
CHRONIC = {"Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Lesion", "Pleural Other", "Fracture"}


@dataclass(frozen=True)
class Study:
    """One visit: the patient's body, how the image was taken, and the severity 0..1 of each finding."""

    seed: int
    patient: int
    number: int  # 1 is the first
    sex: str
    body: Body
    view: View
    severities: dict[str, float]
    lateral: bool

    @property
    def folder(self) -> str:
        """The study's folder below that of its split: `patient00001/study1`."""
        return f"patient{self.patient:05d}/study{self.number}"


def sample(seed: int, first: int, patients: int, max_studies: int = 4) -> list[Study]:
    """Return the studies of `patients` patients, numbered from `first`; each depends on seed and number alone."""
    return [s for n in range(first, first + patients) for s in sample_patient(seed, n, max_studies)]


def sample_patient(seed: int, patient: int, max_studies: int = 4) -> list[Study]:
    """Return 1 to `max_studies` studies of one patient: the same body, a new position, findings that come and go."""
    rng = generator(seed, patient, 1000)
    sex = "Female" if rng.random() < 0.42 else "Male"
    body = sample_body(rng, sex)
    probabilities = finding_probabilities(rng)
    has = {name: rng.random() < p for name, p in probabilities.items()}
    level = {name: sample_severity(rng) for name in PROBABILITIES}
    studies = []
    for number in range(1, int(rng.integers(1, max_studies + 1)) + 1):
        severities = {name: level[name] for name in PROBABILITIES if has[name]}
        view = sample_view(rng, portable=0.35 + 0.5 * has["Support Devices"])
        lateral = bool(rng.random() < LATERAL_SHARE)
        studies.append(Study(seed, patient, number, sex, body, view, severities, lateral))
        for name, p in probabilities.items():
            if name not in CHRONIC and rng.random() < 0.35:
                has[name] = rng.random() < p
            level[name] = float(np.clip(level[name] + rng.normal(0, 0.08), SEVERITY["low"], SEVERITY["high"]))
    return studies


def sample_severity(rng) -> float:
    """Draw a severity from the distribution that `SEVERITY` gives."""
    return SEVERITY["low"] + (SEVERITY["high"] - SEVERITY["low"]) * rng.beta(SEVERITY["a"], SEVERITY["b"])


def finding_probabilities(rng) -> dict[str, float]:
    """Draw one patient's conditions, which make findings co-occur; return the probability 0..0.9 of each finding."""
    conditions = np.array([1.0] + [float(rng.random() < p) for p in CONDITIONS.values()])
    return {name: min(0.9, float(np.dot(row, conditions))) for name, row in PROBABILITIES.items()}


def sample_body(rng, sex: str) -> Body:
    """Draw a patient's build. A healthy heart has up to 0.49 of the chest's width: size alone is never certain."""
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
        aortic_knob=0.03 + 0.0007 * age + rng.uniform(0, 0.02),
        vascularity=rng.uniform(0.7, 1.3),
    )


def sample_view(rng, portable: float) -> View:
    """Draw how one image is taken. A portable AP image has less inspiration, a poorer position and less dose."""
    ap = bool(rng.random() < portable)
    spread = 1.6 if ap else 1.0
    return View(
        ap=ap,
        angle=rng.normal(0, 0.025) * spread,
        shift=(rng.normal(0, 0.035) * spread, rng.normal(0.04, 0.035) * spread),
        zoom=float(np.clip(rng.normal(1.13 + 0.04 * ap, 0.06), 0.98, 1.28)),
        rotation=float(np.clip(rng.normal(0, 0.4) * spread, -1.5, 1.5)),
        expiration=abs(rng.normal(0, 0.03)) * spread,
        dose=rng.uniform(800, 4000) / spread,
        midgrey=rng.normal(1.05, 0.12),
        gamma=rng.uniform(1.6, 2.5),
    )
