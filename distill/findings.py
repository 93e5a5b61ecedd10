"""The findings of the phantom: what each disease or device does to a drawn chest.

A finding has a strength, 0 (can hardly be seen) .. 1 (plain). Those of `bend` change the body before it is
drawn, those of `PAINT` the layers of the drawn chest, one after the other. Where a finding sits is settled by a
generator of the patient, so that it stays in its place from study to study.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from distill.anatomy import Chest, fill
from distill.body import Body, wall
from distill.devices import devices
from distill.film import bump, clouds, soft, strokes
from distill.pleural import effusion, pleural_other, pneumothorax
from distill.seeds import generator, side

LABELS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)


def placer(patient: tuple[int, ...]):
    """`place(name)`: a fresh generator of where finding `name` sits in this patient, the same every time."""
    return lambda name: generator(*patient, LABELS.index(name))


def bend(body: Body, strengths: dict[str, float], place) -> Body:
    """Change the body where a finding is one of shape; `place(name)` makes the generator of where it sits."""
    if (strength := strengths.get("Cardiomegaly")) is not None:
        body = replace(body, ctr=0.51 + 0.12 * strength)
    if (strength := strengths.get("Enlarged Cardiomediastinum")) is not None:
        body = replace(body, mediastinum=0.178 + 0.1 * strength, knob=body.knob * (1 + 0.5 * strength))
    if (strength := strengths.get("Atelectasis")) is not None:
        up, (right, left) = 0.03 + 0.12 * strength, body.lift
        body = replace(body, lift=(right + up, left) if side(place("Atelectasis")) < 0 else (right, left + up))
    if (strength := strengths.get("Fracture")) is not None:
        rng = place("Fracture")
        x, y = side(rng) * rng.uniform(0.35, 0.55), rng.uniform(-0.35, 0.2)
        body = replace(body, fracture=(x, y, (0.04 + 0.06 * strength) * side(rng)))
    return body


def patch(chest: Chest, rng, at, radius: float, rough: float) -> np.ndarray:
    """A cloudy spot (S, S), 0..1.4: an ellipse round `at` with a ragged, soft edge."""
    wide = radius * rng.uniform(0.8, 1.3)
    distance = np.hypot((chest.x - at[0]) / wide, (chest.y - at[1]) / radius)
    ragged = np.clip(distance * (1 + rough * clouds(rng, len(chest.x), 7)), 0, 4)
    return bump(ragged) * np.clip(1 + rough * clouds(rng, len(chest.x), 18), 0, 1.4)


def spot(chest: Chest, rng, which: int, top: float = -0.4, bottom: float = 0.4) -> tuple[float, float]:
    """A place (x, y) inside the lung of side `which`, between the heights `top` and `bottom`."""
    y = rng.uniform(top, bottom)
    inner = 0.2 if y < 0 or which < 0 else 0.38
    outer = float(wall(chest.body, chest.view, np.float32(which), np.float32(y)))
    return which * rng.uniform(inner, 0.85 * outer), y


def consolidation(chest: Chest, strength: float, rng) -> Chest:
    """A lobe, or part of it, filled; the margin is soft."""
    at = spot(chest, rng, side(rng))
    return fill(chest, (0.3 + 0.55 * strength) * patch(chest, rng, at, 0.2 + 0.14 * strength, 0.15))


def pneumonia(chest: Chest, strength: float, rng) -> Chest:
    """Several ragged patches in one lung, now and then one in the other."""
    which, share = side(rng), 0.0
    for number in range(int(rng.integers(3, 6))):
        at = spot(chest, rng, which if number < 3 else -which, -0.2, 0.45)
        share = np.maximum(share, patch(chest, rng, at, rng.uniform(0.12, 0.2), 0.3))
    return fill(chest, (0.2 + 0.5 * strength) * share)


def opacity(chest: Chest, strength: float, rng) -> Chest:
    """An opacity that the reader does not name: a wide faint veil."""
    at = spot(chest, rng, side(rng))
    return fill(chest, (0.18 + 0.3 * strength) * patch(chest, rng, at, 0.3, 0.2))


def lesion(chest: Chest, strength: float, rng) -> Chest:
    """One to four round nodules with a fairly sharp edge."""
    share = 0.0
    for _ in range(int(rng.integers(1, 5))):
        at = spot(chest, rng, side(rng), -0.5)
        radius = (0.04 + 0.055 * strength) * rng.uniform(0.8, 1.2)
        distance = np.hypot(chest.x - at[0], chest.y - at[1]) / radius
        share = np.maximum(share, soft(1.15 - distance, 0.5))
    return replace(chest, solid=chest.solid + (0.3 + 0.4 * strength) * share * soft(chest.rim, 0.05))


def edema(chest: Chest, strength: float, rng) -> Chest:
    """Water in both lungs: haze round the hila, thick vessels, short lines at the bases."""
    distance = np.hypot((np.abs(chest.x) - 0.24) / 0.3, (chest.y - 0.05) / 0.42)
    haze = (0.05 + 0.45 * strength) * bump(distance) * (1 + 0.18 * clouds(rng, len(chest.x), 20))
    thick = gaussian_filter(chest.vessels, 0.007 * len(chest.x))
    vessels = chest.vessels * (1 + 0.2 * strength) + (0.15 + 0.7 * strength) * thick
    lines = []
    for y in rng.uniform(0.15, 0.42, int(4 + 10 * strength)):
        end = side(rng) * 0.97 * float(wall(chest.body, chest.view, np.float32(1), np.float32(y)))
        lines.append((np.array([[end, y], [end * 0.9, y + 0.01]]), 0.008, 1.0))
    lines = 0.3 * strength * strokes(lines, len(chest.x), chest.view)
    return replace(fill(chest, haze), vessels=vessels * (1 - 0.3 * haze) + lines)


def atelectasis(chest: Chest, strength: float, rng) -> Chest:
    """Plate-like bands above a raised diaphragm (`bend` raises it) and a denser base."""
    which, share = side(rng), 0.0
    for _ in range(int(rng.integers(1, 4))):
        middle = which * rng.uniform(0.35, 0.5)
        height, slope = rng.uniform(0.06, 0.24), rng.uniform(-0.3, 0.3)
        along = bump((chest.x - middle) / rng.uniform(0.13, 0.22))
        across = bump((chest.floor - height - slope * (chest.x - middle)) / (0.014 + 0.012 * strength))
        share = np.maximum(share, along * across)
    base = 0.3 * strength * soft(0.14 - chest.floor, 0.2) * soft(chest.x * which, 0.1)
    return fill(chest, (0.35 + 0.45 * strength) * share + base)


PAINT = {
    "Edema": edema,
    "Consolidation": consolidation,
    "Pneumonia": pneumonia,
    "Atelectasis": atelectasis,
    "Lung Lesion": lesion,
    "Lung Opacity": opacity,
    "Pneumothorax": pneumothorax,
    "Pleural Effusion": effusion,
    "Pleural Other": pleural_other,
    "Support Devices": devices,
}
