"""The findings of the phantom: what each disease, device or normal variant does to a drawn chest.

A finding has a strength, 0 (can hardly be seen) .. 1 (plain). Those of `bend` change the body before it is
drawn, those of `PAINT` the layers of the drawn chest. Where a finding sits is settled by a generator of the
patient, so that it stays in its place from study to study.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter

from distill.anatomy import Body, Chest, View, bump, clouds, draw, draw_lateral, expose, soft, strokes, wall

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


def generator(*key: int) -> np.random.Generator:
    """A generator that depends on `key` alone, whichever process asks and in whatever order."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def side(rng) -> int:
    """-1 for the patient's right lung (left in the picture), 1 for the left one."""
    return 1 if rng.random() < 0.5 else -1


def bend(body: Body, strengths: dict[str, float], place) -> Body:
    """Change the body where a finding is one of shape; `place(name)` makes the generator of where it sits."""
    if (s := strengths.get("Cardiomegaly")) is not None:
        body = replace(body, ctr=0.51 + 0.12 * s)
    if (s := strengths.get("Enlarged Cardiomediastinum")) is not None:
        body = replace(body, mediastinum=0.178 + 0.1 * s, knob=body.knob * (1 + 0.5 * s))
    if (s := strengths.get("Atelectasis")) is not None:
        up, (right, left) = 0.03 + 0.12 * s, body.lift
        body = replace(body, lift=(right + up, left) if side(place("Atelectasis")) < 0 else (right, left + up))
    if (s := strengths.get("Fracture")) is not None:
        rng = place("Fracture")
        x, y = side(rng) * rng.uniform(0.35, 0.55), rng.uniform(-0.35, 0.2)
        body = replace(body, fracture=(x, y, (0.04 + 0.06 * s) * side(rng)))
    return body


def fill(chest: Chest, share) -> Chest:
    """Take `share` (0..1, a field) of the air out of the lung, and with it the sight of its vessels."""
    share = np.clip(share, 0, 1)
    return replace(chest, air=chest.air * (1 - share), vessels=chest.vessels * (1 - 0.8 * share))


def patch(chest: Chest, rng, at, radius: float, rough: float) -> np.ndarray:
    """A cloudy spot, 0..1: an ellipse round `at` with a ragged, soft edge."""
    wide = radius * rng.uniform(0.8, 1.3)
    r = np.hypot((chest.x - at[0]) / wide, (chest.y - at[1]) / radius)
    ragged = np.clip(r * (1 + rough * clouds(rng, len(chest.x), 7)), 0, 4)
    return bump(ragged) * np.clip(1 + rough * clouds(rng, len(chest.x), 18), 0, 1.4)


def spot(chest: Chest, rng, which: int, top: float = -0.4, bottom: float = 0.4) -> tuple[float, float]:
    """A place inside the lung of side `which`, between two heights."""
    y = rng.uniform(top, bottom)
    inner = 0.2 if y < 0 or which < 0 else 0.38
    outer = float(wall(chest.body, chest.view, np.float32(which), np.float32(y)))
    return which * rng.uniform(inner, 0.85 * outer), y


def consolidation(chest: Chest, s: float, rng) -> Chest:
    """A lobe, or part of it, filled; the margin is soft."""
    at = spot(chest, rng, side(rng))
    return fill(chest, (0.3 + 0.55 * s) * patch(chest, rng, at, 0.2 + 0.14 * s, 0.15))


def pneumonia(chest: Chest, s: float, rng) -> Chest:
    """Several ragged patches in one lung, now and then one in the other."""
    which, share = side(rng), 0.0
    for number in range(int(rng.integers(3, 6))):
        at = spot(chest, rng, which if number < 3 else -which, -0.2, 0.45)
        share = np.maximum(share, patch(chest, rng, at, rng.uniform(0.12, 0.2), 0.3))
    return fill(chest, (0.2 + 0.5 * s) * share)


def opacity(chest: Chest, s: float, rng) -> Chest:
    """An opacity that the reader does not name: a wide faint veil."""
    at = spot(chest, rng, side(rng))
    return fill(chest, (0.18 + 0.3 * s) * patch(chest, rng, at, 0.3, 0.2))


def lesion(chest: Chest, s: float, rng) -> Chest:
    """One to four round nodules with a fairly sharp edge."""
    share = 0.0
    for _ in range(int(rng.integers(1, 5))):
        at = spot(chest, rng, side(rng), -0.5)
        radius = (0.04 + 0.055 * s) * rng.uniform(0.8, 1.2)
        r = np.hypot(chest.x - at[0], chest.y - at[1]) / radius
        share = np.maximum(share, soft(1.15 - r, 0.5))
    return replace(chest, solid=chest.solid + (0.3 + 0.4 * s) * share * soft(chest.rim, 0.05))


def edema(chest: Chest, s: float, rng) -> Chest:
    """Water in both lungs: haze round the hila, thick vessels, short lines at the bases."""
    r = np.hypot((np.abs(chest.x) - 0.24) / 0.3, (chest.y - 0.05) / 0.42)
    haze = (0.05 + 0.45 * s) * bump(r) * (1 + 0.18 * clouds(rng, len(chest.x), 20))
    thick = gaussian_filter(chest.vessels, 0.007 * len(chest.x))
    vessels = chest.vessels * (1 + 0.2 * s) + (0.15 + 0.7 * s) * thick
    lines = []
    for y in rng.uniform(0.15, 0.42, int(4 + 10 * s)):
        end = side(rng) * 0.97 * float(wall(chest.body, chest.view, np.float32(1), np.float32(y)))
        lines.append((np.array([[end, y], [end * 0.9, y + 0.01]]), 0.008, 1.0))
    lines = 0.3 * s * strokes(lines, len(chest.x), chest.view)
    return replace(fill(chest, haze), vessels=vessels * (1 - 0.3 * haze) + lines)


def atelectasis(chest: Chest, s: float, rng) -> Chest:
    """Plate-like bands above a raised diaphragm (`bend` raises it) and a denser base."""
    which, share = side(rng), 0.0
    for _ in range(int(rng.integers(1, 4))):
        middle, height, slope = (
            which * rng.uniform(0.35, 0.5),
            rng.uniform(0.06, 0.24),
            rng.uniform(-0.3, 0.3),
        )
        along = bump((chest.x - middle) / rng.uniform(0.13, 0.22))
        across = bump((chest.floor - height - slope * (chest.x - middle)) / (0.014 + 0.012 * s))
        share = np.maximum(share, along * across)
    base = 0.3 * s * soft(0.14 - chest.floor, 0.2) * soft(chest.x * which, 0.1)
    return fill(chest, (0.35 + 0.45 * s) * share + base)


def pneumothorax(chest: Chest, s: float, rng) -> Chest:
    """Free air along the side and the top: black, without vessels, the lung's edge a thin line."""
    which = side(rng)
    here = soft(chest.x * which, 0.02)
    depth = (0.05 + 0.2 * s) * (1 - 0.75 * soft(chest.y + 0.1, 0.9)) + 0.03 * np.sin(4 * chest.y + rng.uniform(0, 6))
    free = soft(depth - chest.rim, 0.015) * here
    line = bump((chest.rim - depth) / 0.009) * here * soft(chest.rim, 0.02) * soft(chest.floor, 0.03)
    air = chest.air * (1 + 0.3 * free) * (1 - 0.3 * s * here * (1 - free))
    return replace(chest, air=air, vessels=chest.vessels * (1 - 0.95 * free) + 0.16 * line)


def effusion(chest: Chest, s: float, rng) -> Chest:
    """Fluid at the base of one lung or both: the angle blunted, the upper limit a meniscus at the wall."""
    which = side(rng)
    both = rng.random() < 0.35
    share = 0.0
    for here, part in ((which, s), (-which, s * rng.uniform(0.2, 0.8))):
        if here == which or both:
            level = chest.body.base - 0.09 - 0.5 * part**1.4
            climb = (0.1 + 0.12 * part) * np.exp(-np.clip(chest.rim, 0, 1) / 0.1)
            wet = soft(chest.y - level + climb, 0.06 + 0.1 * part + 0.1 * chest.view.ap)
            share = np.maximum(share, wet * soft(chest.x * here, 0.02))
    return fill(chest, 0.93 * share)


def pleural_other(chest: Chest, s: float, rng) -> Chest:
    """Thickened pleura: an uneven rind along the wall, with lime in it."""
    which = side(rng)
    here = soft(chest.x * which, 0.02)
    thick = (0.03 + 0.06 * s) * (1 + 0.5 * np.sin(9 * chest.y + rng.uniform(0, 6)))
    rind = soft(thick - chest.rim, 0.02) * here * bump((chest.y - rng.uniform(-0.5, 0.3)) / 0.4)
    rind = rind * soft(chest.rim, 0.02)
    lime = (0.15 + 0.4 * s) * rind * np.clip(clouds(rng, len(chest.x), 26), 0, 1.5)
    return replace(fill(chest, (0.55 + 0.35 * s) * rind), bone=chest.bone + lime)


def curve(*points):
    """A smooth line through control points (a Bezier curve), (24, 2)."""
    t, pts = np.linspace(0, 1, 24)[:, None], np.array(points, dtype=np.float64)
    while len(pts) > 1:
        pts = [p * (1 - t) + q * t for p, q in pairwise(pts)]
    return pts[0]


def catheter(rng) -> list:
    """A central line: from the neck or below the collarbone into the superior vena cava."""
    which, tip = side(rng), [-0.11, rng.uniform(-0.1, 0.15)]
    if rng.random() < 0.5:
        return [(curve([which * 0.26, -1.0], [which * 0.15, -0.6], [-0.13, -0.5], tip), 0.014, 0.8)]
    return [(curve([which * 0.9, -0.35], [which * 0.5, -0.85], [-0.15, -0.6], tip), 0.014, 0.8)]


def tube(rng) -> list:
    """An endotracheal tube above the carina, at times with a gastric tube behind it."""
    tip = rng.uniform(-0.42, -0.26)
    lines = [(np.array([[x, -1.0], [x * 0.8, tip]]), 0.012, 0.8) for x in (-0.022, 0.022)]
    if rng.random() < 0.6:
        lines.append((curve([0.03, -1.0], [0.03, 0.0], [0.0, 0.4], [0.2, 0.5], [0.4, 0.8]), 0.016, 0.6))
    return lines


def pacemaker(rng) -> list:
    """A generator below the left collarbone (now and then the right) with one or two leads into the heart."""
    which = 1 if rng.random() < 0.8 else -1
    x, y = which * rng.uniform(0.48, 0.6), rng.uniform(-0.48, -0.36)
    lines = [(np.array([[x - 0.085, y], [x + 0.09, y]]), 0.15, 1.0)]
    for end in ([0.24, 0.42], [-0.08, 0.2])[: int(rng.integers(1, 3))]:
        lines.append((curve([x, y], [which * 0.3, -0.8], [-0.16, -0.5], [-0.16, 0.4], end), 0.014, 0.9))
    return lines


def electrodes(rng) -> list:
    """Leads of a heart monitor lying on the skin: wires and their buttons."""
    lines = []
    for x, y in ((-0.55, -0.5), (0.55, -0.5), (0.6, 0.4))[: int(rng.integers(2, 4))]:
        x, y = x + rng.normal(0, 0.08), y + rng.normal(0, 0.08)
        lines.append((np.array([[x - 0.025, y], [x + 0.025, y]]), 0.05, 0.9))
        lines.append((curve([x, y], [x * 0.7, y + 0.3], [rng.normal(0, 0.3), 0.5], [x * 1.2, 1.1]), 0.012, 0.55))
    return lines


def devices(chest: Chest, s: float, rng) -> Chest:
    """One to three devices; the fainter, the less of their metal shows."""
    kinds = (catheter, tube, pacemaker, electrodes)
    chosen = rng.choice(4, size=int(rng.integers(1, 4)), replace=False, p=[0.35, 0.2, 0.2, 0.25])
    lines = [line for kind in sorted(chosen) for line in kinds[kind](rng)]
    metal = (0.45 + 0.75 * s) * strokes(lines, len(chest.x), chest.view, 0.4)
    return replace(chest, bone=chest.bone + metal)


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


def variants(chest: Chest, rng) -> Chest:
    """What is normal and misleads: vessels seen end on, a skin fold, the letter at the film's corner."""
    lines = []
    for _ in range(int(rng.integers(0, 5))):
        x, y = side(rng) * rng.uniform(0.2, 0.42), rng.uniform(-0.3, 0.35)
        lines.append((np.array([[x - 0.01, y], [x + 0.01, y]]), 0.024, rng.uniform(0.3, 0.8)))
    x, y = 0.72, -0.8
    letter = [(np.array([[x, y - 0.06], [x, y], [x + 0.035, y]]), 0.014, 1.0)]
    bone = chest.bone + 1.2 * strokes(letter, len(chest.x), View(shift=tuple(rng.normal(0, 0.03, 2))), 0.3)
    solid = chest.solid + 0.3 * strokes(lines, len(chest.x), chest.view) if lines else chest.solid
    if rng.random() < 0.2:  # a fold of skin has one sharp edge, and the lung goes on beyond it
        edge = side(rng) * (chest.x - rng.uniform(0.4, 0.65) * side(rng)) + 0.25 * chest.y
        solid = solid + 0.1 * soft(edge, 0.01) * np.exp(-np.clip(edge, 0, 1) / 0.15)
    return replace(chest, solid=solid, bone=bone)


def placer(patient: tuple[int, ...]):
    """`place(name)`: a fresh generator of where finding `name` sits in this patient, the same every time."""
    return lambda name: generator(*patient, LABELS.index(name))


def frontal(body: Body, view: View, strengths: dict[str, float], size: int, patient, study) -> np.ndarray:
    """The frontal film, (size, size) uint8, of a body with findings.

    `patient` and `study` are tuples of integers: the first settles where things are, the second the rest.
    """
    place = placer(patient)
    chest = draw(bend(body, strengths, place), view, size, generator(*patient, 100))
    for name, paint in PAINT.items():
        if name in strengths:
            chest = paint(chest, strengths[name], place(name))
    rng = generator(*study, 101)
    return expose(variants(chest, rng), rng)


def lateral(body: Body, view: View, strengths: dict[str, float], size: int, patient, study) -> np.ndarray:
    """The film from the side, (size, size) uint8; of the findings it shows a big heart at most."""
    rng = generator(*study, 102)
    return expose(draw_lateral(bend(body, strengths, placer(patient)), view, size, rng), rng)
