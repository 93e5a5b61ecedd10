"""Support devices: metal and plastic on the film, drawn as strokes.

A device is a list of lines (points (n, 2) in body coordinates, width there, value 0..1) for `film.strokes`.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from distill.anatomy import Chest
from distill.film import strokes
from distill.seeds import side


def devices(chest: Chest, strength: float, rng) -> Chest:
    """One to three devices; the fainter, the less of their metal shows."""
    kinds = (catheter, tube, pacemaker, electrodes)
    chosen = rng.choice(4, size=int(rng.integers(1, 4)), replace=False, p=[0.35, 0.2, 0.2, 0.25])
    lines = [line for kind in sorted(chosen) for line in kinds[kind](rng)]
    metal = (0.45 + 0.75 * strength) * strokes(lines, len(chest.x), chest.view, 0.4)
    return replace(chest, bone=chest.bone + metal)


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


def curve(*points) -> np.ndarray:
    """A Bezier curve from the first of the control `points` (x, y) to the last, (24, 2)."""
    along, corners = np.linspace(0, 1, 24)[:, None], np.array(points, dtype=np.float64)
    while len(corners) > 1:
        corners = [p * (1 - along) + q * along for p, q in pairwise(corners)]
    return corners[0]
