"""The findings of the phantom: how each disease or device changes a chest.

A finding has a severity from 0 (hardly visible) to 1 (obvious). A disease that changes the shape of the body does so
before the chest is drawn (`deform`); the others change the layers of the drawn chest, one after the other (`FINDINGS`).
Where a finding lies depends on the patient alone, so that it keeps its place from study to study.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from rayling.phantom.anatomy import Body, Chest, opacify, thorax_half_width
from rayling.phantom.devices import support_devices
from rayling.phantom.projection import draw_lines, gaussian, generator, random_side, smooth_noise, smooth_step

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


def location_generator(patient: tuple[int, ...], finding: str) -> np.random.Generator:
    """Return the generator that decides where `finding` lies in this patient, the same every time."""
    return generator(*patient, LABELS.index(finding))


def deform(body: Body, severities: dict[str, float], patient: tuple[int, ...]) -> Body:
    """Return `body` as its diseases change its shape; `patient` is the key of `location_generator`."""
    if (severity := severities.get("Cardiomegaly")) is not None:
        body = replace(body, ctr=0.51 + 0.12 * severity)
    if (severity := severities.get("Enlarged Cardiomediastinum")) is not None:
        body = replace(body, mediastinum=0.178 + 0.1 * severity, aortic_knob=body.aortic_knob * (1 + 0.5 * severity))
    if (severity := severities.get("Atelectasis")) is not None:
        up, (right, left) = 0.03 + 0.12 * severity, body.lift
        on_right = random_side(location_generator(patient, "Atelectasis")) < 0
        body = replace(body, lift=(right + up, left) if on_right else (right, left + up))
    if (severity := severities.get("Fracture")) is not None:
        rng = location_generator(patient, "Fracture")
        x, y = random_side(rng) * rng.uniform(0.35, 0.55), rng.uniform(-0.35, 0.2)
        body = replace(body, fracture=(x, y, (0.04 + 0.06 * severity) * random_side(rng)))
    return body


def cloudy_patch(chest: Chest, rng, at, radius: float, rough: float) -> np.ndarray:
    """Return a cloudy ellipse (S, S), 0..1.4, around `at` (x, y), with a ragged, soft edge."""
    half_width = radius * rng.uniform(0.8, 1.3)
    distance = np.hypot((chest.x - at[0]) / half_width, (chest.y - at[1]) / radius)
    ragged = np.clip(distance * (1 + rough * smooth_noise(rng, len(chest.x), 7)), 0, 4)
    return gaussian(ragged) * np.clip(1 + rough * smooth_noise(rng, len(chest.x), 18), 0, 1.4)


def random_position(chest: Chest, rng, side: int, top: float = -0.4, bottom: float = 0.4) -> tuple[float, float]:
    """Return a position (x, y) inside the lung of this side, between the heights `top` and `bottom`."""
    y = rng.uniform(top, bottom)
    inner = 0.2 if y < 0 or side < 0 else 0.38
    outer = float(thorax_half_width(chest.body, chest.view, np.float32(side), np.float32(y)))
    return side * rng.uniform(inner, 0.85 * outer), y


def consolidation(chest: Chest, severity: float, rng) -> Chest:
    """Fill a lobe, or part of it, with a soft margin."""
    at = random_position(chest, rng, random_side(rng))
    return opacify(chest, (0.3 + 0.55 * severity) * cloudy_patch(chest, rng, at, 0.2 + 0.14 * severity, 0.15))


def pneumonia(chest: Chest, severity: float, rng) -> Chest:
    """Add several ragged patches to one lung, and sometimes one or two to the other."""
    side, share = random_side(rng), 0.0
    for number in range(int(rng.integers(3, 6))):
        at = random_position(chest, rng, side if number < 3 else -side, -0.2, 0.45)
        share = np.maximum(share, cloudy_patch(chest, rng, at, rng.uniform(0.12, 0.2), 0.3))
    return opacify(chest, (0.2 + 0.5 * severity) * share)


def opacity(chest: Chest, severity: float, rng) -> Chest:
    """Add an opacity without a more exact name: a wide faint veil."""
    at = random_position(chest, rng, random_side(rng))
    return opacify(chest, (0.18 + 0.3 * severity) * cloudy_patch(chest, rng, at, 0.3, 0.2))


def lesion(chest: Chest, severity: float, rng) -> Chest:
    """Add one to four round nodules with a fairly sharp edge."""
    share = 0.0
    for _ in range(int(rng.integers(1, 5))):
        at = random_position(chest, rng, random_side(rng), -0.5)
        radius = (0.04 + 0.055 * severity) * rng.uniform(0.8, 1.2)
        distance = np.hypot(chest.x - at[0], chest.y - at[1]) / radius
        share = np.maximum(share, smooth_step(1.15 - distance, 0.5))
    return replace(chest, tissue=chest.tissue + (0.3 + 0.4 * severity) * share * smooth_step(chest.to_wall, 0.05))


def edema(chest: Chest, severity: float, rng) -> Chest:
    """Add fluid to both lungs: haze around the hila, thick vessels, short (Kerley B) lines at the bases."""
    distance = np.hypot((np.abs(chest.x) - 0.24) / 0.3, (chest.y - 0.05) / 0.42)
    haze = (0.05 + 0.45 * severity) * gaussian(distance) * (1 + 0.18 * smooth_noise(rng, len(chest.x), 20))
    thick = gaussian_filter(chest.vessels, 0.007 * len(chest.x))
    vessels = chest.vessels * (1 + 0.2 * severity) + (0.15 + 0.7 * severity) * thick
    lines = []
    for y in rng.uniform(0.15, 0.42, int(4 + 10 * severity)):
        end = random_side(rng) * 0.97 * float(thorax_half_width(chest.body, chest.view, np.float32(1), np.float32(y)))
        lines.append((np.array([[end, y], [end * 0.9, y + 0.01]]), 0.008, 1.0))
    lines = 0.3 * severity * draw_lines(lines, len(chest.x), chest.view)
    return replace(opacify(chest, haze), vessels=vessels * (1 - 0.3 * haze) + lines)


def atelectasis(chest: Chest, severity: float, rng) -> Chest:
    """Add plate-like bands above the diaphragm, which `deform` has raised, and make the base denser."""
    side, share = random_side(rng), 0.0
    for _ in range(int(rng.integers(1, 4))):
        middle = side * rng.uniform(0.35, 0.5)
        height, slope = rng.uniform(0.06, 0.24), rng.uniform(-0.3, 0.3)
        along = gaussian((chest.x - middle) / rng.uniform(0.13, 0.22))
        across = gaussian((chest.to_diaphragm - height - slope * (chest.x - middle)) / (0.014 + 0.012 * severity))
        share = np.maximum(share, along * across)
    base = 0.3 * severity * smooth_step(0.14 - chest.to_diaphragm, 0.2) * smooth_step(chest.x * side, 0.1)
    return opacify(chest, (0.35 + 0.45 * severity) * share + base)


def pneumothorax(chest: Chest, severity: float, rng) -> Chest:
    """Add free air along the side and the top: black, without vessels, the lung's edge a thin line."""
    side = random_side(rng)
    here = smooth_step(chest.x * side, 0.02)
    wave = 0.03 * np.sin(4 * chest.y + rng.uniform(0, 6))
    depth = (0.05 + 0.2 * severity) * (1 - 0.75 * smooth_step(chest.y + 0.1, 0.9)) + wave
    free = smooth_step(depth - chest.to_wall, 0.015) * here
    line = gaussian((chest.to_wall - depth) / 0.009) * here * smooth_step(chest.to_wall, 0.02)
    line = line * smooth_step(chest.to_diaphragm, 0.03)
    air = chest.air * (1 + 0.3 * free) * (1 - 0.3 * severity * here * (1 - free))
    return replace(chest, air=air, vessels=chest.vessels * (1 - 0.95 * free) + 0.16 * line)


def effusion(chest: Chest, severity: float, rng) -> Chest:
    """Add fluid at the base of one lung or both: it blunts the angle and rises to a meniscus at the wall."""
    side = random_side(rng)
    both = rng.random() < 0.35
    share = 0.0
    for here, amount in ((side, severity), (-side, severity * rng.uniform(0.2, 0.8))):
        if here == side or both:
            level = chest.body.base - 0.09 - 0.5 * amount**1.4
            rise = (0.1 + 0.12 * amount) * np.exp(-np.clip(chest.to_wall, 0, 1) / 0.1)
            fluid = smooth_step(chest.y - level + rise, 0.06 + 0.1 * amount + 0.1 * chest.view.ap)
            share = np.maximum(share, fluid * smooth_step(chest.x * here, 0.02))
    return opacify(chest, 0.93 * share)


def pleural_other(chest: Chest, severity: float, rng) -> Chest:
    """Thicken the pleura: an uneven rind along the wall, with calcifications."""
    side = random_side(rng)
    here = smooth_step(chest.x * side, 0.02)
    thick = (0.03 + 0.06 * severity) * (1 + 0.5 * np.sin(9 * chest.y + rng.uniform(0, 6)))
    rind = smooth_step(thick - chest.to_wall, 0.02) * here * gaussian((chest.y - rng.uniform(-0.5, 0.3)) / 0.4)
    rind = rind * smooth_step(chest.to_wall, 0.02)
    calcification = (0.15 + 0.4 * severity) * rind * np.clip(smooth_noise(rng, len(chest.x), 26), 0, 1.5)
    return replace(opacify(chest, (0.55 + 0.35 * severity) * rind), bone=chest.bone + calcification)


FINDINGS = {
    "Edema": edema,
    "Consolidation": consolidation,
    "Pneumonia": pneumonia,
    "Atelectasis": atelectasis,
    "Lung Lesion": lesion,
    "Lung Opacity": opacity,
    "Pneumothorax": pneumothorax,
    "Pleural Effusion": effusion,
    "Pleural Other": pleural_other,
    "Support Devices": support_devices,
}
