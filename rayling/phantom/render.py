"""One X-ray of a patient with findings, frontal or lateral.

The lateral image is crude. It is there so that a filter for frontal images has something to leave out.
"""

from dataclasses import replace

import numpy as np

from rayling.phantom.anatomy import Body, Chest, draw_frontal, rib_profile, vessel_tree
from rayling.phantom.diseases import FINDINGS, deform, location_generator
from rayling.phantom.projection import (
    View,
    body_coordinates,
    draw_lines,
    expose,
    gaussian,
    generator,
    random_side,
    smooth_noise,
    smooth_step,
)


def frontal(body: Body, view: View, severities: dict[str, float], size: int, patient, study) -> np.ndarray:
    """Draw the frontal image, uint8 (size, size), of a body with findings.

    `patient` and `study` are keys of random generators, tuples of integers: the first decides where the findings lie,
    the second everything else.
    """
    rng = generator(*study, 101)
    return expose(add_normal_variants(chest_with(body, view, severities, size, patient), rng).attenuation(), view, rng)


def chest_with(body: Body, view: View, severities: dict[str, float], size: int, patient) -> Chest:
    """Return the chest of a body with findings, without what `frontal` adds to mislead. Arguments as there."""
    chest = draw_frontal(deform(body, severities, patient), view, size, generator(*patient, 100))
    for name, add_finding in FINDINGS.items():
        if name in severities:
            chest = add_finding(chest, severities[name], location_generator(patient, name))
    return chest


def lateral(body: Body, view: View, severities: dict[str, float], size: int, patient, study) -> np.ndarray:
    """Draw the lateral image, uint8 (size, size); of the findings only a changed body shape is visible."""
    rng = generator(*study, 102)
    chest = draw_lateral(deform(body, severities, patient), view, size, rng)
    return expose(chest.attenuation(), view, rng)


def add_normal_variants(chest: Chest, rng) -> Chest:
    """Add normal features that can mislead: vessels seen end on, a skin fold, the side letter in the corner."""
    lines = []
    for _ in range(int(rng.integers(0, 5))):
        x, y = random_side(rng) * rng.uniform(0.2, 0.42), rng.uniform(-0.3, 0.35)
        lines.append((np.array([[x - 0.01, y], [x + 0.01, y]]), 0.024, rng.uniform(0.3, 0.8)))
    x, y = 0.72, -0.8
    letter = [(np.array([[x, y - 0.06], [x, y], [x + 0.035, y]]), 0.014, 1.0)]
    bone = chest.bone + 1.2 * draw_lines(letter, len(chest.x), View(shift=tuple(rng.normal(0, 0.03, 2))), 0.3)
    tissue = chest.tissue + 0.3 * draw_lines(lines, len(chest.x), chest.view) if lines else chest.tissue
    if rng.random() < 0.2:  # a skin fold has one sharp edge, and the lung continues beyond it
        edge = random_side(rng) * (chest.x - rng.uniform(0.4, 0.65) * random_side(rng)) + 0.25 * chest.y
        tissue = tissue + 0.1 * smooth_step(edge, 0.01) * np.exp(-np.clip(edge, 0, 1) / 0.15)
    return replace(chest, tissue=tissue, bone=bone)


def draw_lateral(body: Body, view: View, size: int, rng) -> Chest:
    """Return the chest of `body` from the side, the patient facing left; as `anatomy.draw_frontal`."""
    x, y = body_coordinates(size, view)
    down = np.clip((y - body.apex) / (body.base - body.apex), 0, 1.3)
    front, back = -0.12 - 0.42 * down**0.7, 0.3 + 0.3 * np.sin(2.4 * down) ** 0.6
    sides, roof = np.minimum(x - front, back - x), y - body.apex
    to_wall = np.minimum(sides, roof) - 0.06 * np.exp(-np.abs(sides - roof) / 0.1)  # rounded where they meet
    to_diaphragm = body.base - 0.08 - body.dome * (1.1 - ((x + 0.12) / 0.45) ** 2) - y
    radius = np.hypot((x + 0.2 + 0.4 * (y - 0.3)) / (0.62 * body.ctr), (y - 0.28) / 0.36)
    heart = np.clip(1 - radius * radius, 0, 1) ** 0.45
    below = 0.4 * smooth_step(-to_diaphragm, 0.03) * smooth_step(to_diaphragm + 0.12, 0.1)
    air = smooth_step(to_wall, 0.03) * (smooth_step(to_diaphragm, 0.03) + below)
    air = air * (0.75 + 0.25 * smooth_step(roof - 0.3, 0.6)) * (1 - 0.6 * heart)
    air = air * (1 + 0.05 * smooth_noise(rng, size, 8))
    skin = sides + 0.13 + 0.1 * body.fat + 0.12 * gaussian((y - body.apex) / 0.3)
    tissue = 2.1 * np.clip(skin / 0.35, 0, 1) ** 0.5 + 0.5 * smooth_step(-to_diaphragm, 0.3)
    arm = 0.3 * smooth_step(0.55 - 0.4 * np.abs(x + 0.1) - (y + 1.2), 0.25)
    bone = lateral_skeleton(body, x, y, front, back, to_wall)
    hila = 0.35 * gaussian(np.hypot((x - 0.02) / 0.1, (y + 0.05) / 0.13))
    vessels = hila + 0.3 * draw_lines(vessel_tree(rng), size, view)
    return Chest(x, y, air, to_wall, to_diaphragm, heart, tissue + arm, bone, vessels, view, body)


def lateral_skeleton(body: Body, x, y, front, back, to_wall):
    """Return the attenuation (S, S) of spine, ribs and sternum; `front` and `back` are the contours of the chest."""
    off_spine = x - back + 0.13
    disc = np.cos(2 * np.pi * (y + 0.15 * off_spine) / 0.13)
    spine = (0.28 + 0.14 * disc) * smooth_step(0.085 + 0.008 * disc - np.abs(off_spine), 0.03)
    ribs = 0.1 * rib_profile((y - 0.45 * x * x + 0.3 * x) / body.rib_gap, 0.22) * smooth_step(to_wall + 0.04, 0.04)
    sternum = 0.25 * smooth_step(0.02 - np.abs(x - front + 0.03), 0.02) * smooth_step(0.3 - np.abs(y + 0.15), 0.1)
    return spine + ribs + sternum
