"""Support devices: metal and plastic on the X-ray, drawn as lines.

Each device returns a list of lines for `projection.draw_lines`: points (n, 2) and width, both in body coordinates, and
a value 0..1.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from rayling.phantom.anatomy import Chest
from rayling.phantom.projection import draw_lines, random_side


def support_devices(chest: Chest, severity: float, rng) -> Chest:
    """Add one to three devices. The lower the severity (0..1), the fainter they are."""
    kinds = (central_line, endotracheal_tube, pacemaker, monitor_leads)
    chosen = rng.choice(4, size=int(rng.integers(1, 4)), replace=False, p=[0.35, 0.2, 0.2, 0.25])
    lines = [line for kind in sorted(chosen) for line in kinds[kind](rng)]
    metal = (0.45 + 0.75 * severity) * draw_lines(lines, len(chest.x), chest.view, 0.4)
    return replace(chest, bone=chest.bone + metal)


def central_line(rng) -> list:
    """Draw a central line from the neck, or from below the collarbone, into the superior vena cava."""
    side, tip = random_side(rng), [-0.11, rng.uniform(-0.1, 0.15)]
    if rng.random() < 0.5:
        return [(bezier([side * 0.26, -1.0], [side * 0.15, -0.6], [-0.13, -0.5], tip), 0.014, 0.8)]
    return [(bezier([side * 0.9, -0.35], [side * 0.5, -0.85], [-0.15, -0.6], tip), 0.014, 0.8)]


def endotracheal_tube(rng) -> list:
    """Draw an endotracheal tube that ends above the carina, sometimes with a gastric tube behind it."""
    tip = rng.uniform(-0.42, -0.26)
    lines = [(np.array([[x, -1.0], [x * 0.8, tip]]), 0.012, 0.8) for x in (-0.022, 0.022)]
    if rng.random() < 0.6:
        lines.append((bezier([0.03, -1.0], [0.03, 0.0], [0.0, 0.4], [0.2, 0.5], [0.4, 0.8]), 0.016, 0.6))
    return lines


def pacemaker(rng) -> list:
    """Draw a generator below the left collarbone (sometimes the right) with one or two leads into the heart."""
    side = 1 if rng.random() < 0.8 else -1
    x, y = side * rng.uniform(0.48, 0.6), rng.uniform(-0.48, -0.36)
    lines = [(np.array([[x - 0.085, y], [x + 0.09, y]]), 0.15, 1.0)]
    for end in ([0.24, 0.42], [-0.08, 0.2])[: int(rng.integers(1, 3))]:
        lines.append((bezier([x, y], [side * 0.3, -0.8], [-0.16, -0.5], [-0.16, 0.4], end), 0.014, 0.9))
    return lines


def monitor_leads(rng) -> list:
    """Draw the leads of a heart monitor on the skin: wires and their electrodes."""
    lines = []
    for x, y in ((-0.55, -0.5), (0.55, -0.5), (0.6, 0.4))[: int(rng.integers(2, 4))]:
        x, y = x + rng.normal(0, 0.08), y + rng.normal(0, 0.08)
        lines.append((np.array([[x - 0.025, y], [x + 0.025, y]]), 0.05, 0.9))
        lines.append((bezier([x, y], [x * 0.7, y + 0.3], [rng.normal(0, 0.3), 0.5], [x * 1.2, 1.1]), 0.012, 0.55))
    return lines


def bezier(*points) -> np.ndarray:
    """Return a Bézier curve (24, 2) from the first of the control `points` (x, y) to the last."""
    along, corners = np.linspace(0, 1, 24)[:, None], np.array(points, dtype=np.float64)
    while len(corners) > 1:
        corners = [p * (1 - along) + q * along for p, q in pairwise(corners)]
    return corners[0]
