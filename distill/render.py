"""From a patient's body and findings to the film."""

from dataclasses import replace

import numpy as np

from distill.anatomy import Chest, draw
from distill.body import Body
from distill.film import View, expose, soft, strokes
from distill.findings import PAINT, bend, placer
from distill.lateral import draw_lateral
from distill.seeds import generator, side


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
    return expose(variants(chest, rng).attenuation(), view, rng)


def lateral(body: Body, view: View, strengths: dict[str, float], size: int, patient, study) -> np.ndarray:
    """The film from the side, (size, size) uint8; of the findings it shows a big heart at most."""
    rng = generator(*study, 102)
    chest = draw_lateral(bend(body, strengths, placer(patient)), view, size, rng)
    return expose(chest.attenuation(), view, rng)


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
