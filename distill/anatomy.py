"""The normal chest of the phantom from the front: its organs, laid down in layers of X-ray attenuation.

Coordinates and fields are those of `film.py`: x and y are the fields of `film.grid`.
"""

from dataclasses import dataclass, replace

import numpy as np

from distill.body import Body, pleura, wall
from distill.film import View, bump, clouds, grid, soft, strokes
from distill.skeleton import skeleton

AIR = 1.3  # attenuation that a full depth of air takes away from solid tissue


@dataclass(frozen=True)
class Chest:
    """The layers of one picture before exposure, each a field (S, S)."""

    x: np.ndarray
    y: np.ndarray
    air: np.ndarray  # depth of aerated lung, 0..1; free air in the pleura counts for more
    rim: np.ndarray  # distance inwards from the pleura at the side and top
    floor: np.ndarray  # distance above the diaphragm
    heart: np.ndarray  # thickness, 0..1
    solid: np.ndarray  # attenuation of the trunk with all its organs but no air
    bone: np.ndarray  # attenuation, of metal too
    vessels: np.ndarray  # attenuation
    view: View
    body: Body

    def attenuation(self) -> np.ndarray:
        """What all layers together take from the beam, (S, S), from 0 (outside the body) up."""
        lung = np.clip(self.air, 0, 1.3)
        inside = soft(self.rim, 0.05) * soft(self.floor + 0.12, 0.2)
        total = np.maximum(self.solid, 0) - AIR * lung * np.clip(self.solid, 0, 1.5) / 1.5
        return np.maximum(total + self.vessels * inside + self.bone * np.clip(self.solid, 0, 1), 0)


def fill(chest: Chest, share) -> Chest:
    """Take `share` (S, S), clipped to 0..1, of the air out of the lung, and with it the sight of its vessels."""
    share = np.clip(share, 0, 1)
    return replace(chest, air=chest.air * (1 - share), vessels=chest.vessels * (1 - 0.8 * share))


def draw(body: Body, view: View, size: int, rng) -> Chest:
    """Lay down the healthy chest of `body` as seen by `view`, `size` pixels wide; `rng` settles vessels and texture."""
    x, y = grid(size, view)
    rim, floor = pleura(body, view, x, y)
    edge = 2.5 / size
    inside = soft(rim, edge * 2) * soft(floor, edge * 2)
    depth = 0.62 + 0.38 * np.clip(rim / 0.25, 0, 1) ** 0.7
    behind = 0.22 * soft(rim, 0.1) * bump(floor / 0.09) * (floor < 0)
    organ, middle = heart(body, view, x, y), mediastinum(body, view, x, y)
    air = (inside * depth + behind) * (1 - 0.86 * organ) * (1 - 0.9 * middle)
    air = air * (1 + 0.035 * clouds(rng, size, 24) + 0.04 * clouds(rng, size, 6))
    air = np.maximum(air, 0.34 * airway(view, x, y) * (y > -1.1))
    hila = 0.35 * bump(np.hypot((np.abs(x) - 0.18) / 0.07, (y + 0.01 + 0.03 * np.sign(x)) / 0.13))
    stomach = 0.3 * bump(np.hypot((x - 0.36) / 0.13, (floor + 0.1) / 0.05)) ** 0.7
    vessels = body.vascular * (0.55 * strokes(branches(rng), size, view) + hila)
    solid = flesh(body, view, x, y) + 0.25 * organ + 0.12 * middle - stomach
    bone = skeleton(body, view, x, y, rim, floor)
    return Chest(x, y, air, rim, floor, organ, solid, bone, vessels, view, body)


def heart_borders(body: Body, view: View, y):
    """Right and left border (x) of the heart at heights `y`, and whether it is there at all, 0..1."""
    down = (y + 0.14) / (body.base - 0.45 * body.dome - view.breath + 0.14)
    left = np.where(
        down < 0.8,
        0.4 + 0.6 * np.sin(np.pi / 2 * np.clip(down / 0.8, 0, 1)) ** 1.25,
        np.sqrt(np.clip(1 - ((down - 0.8) / 0.5) ** 2, 0, 1)),
    )
    right = 0.42 + 0.58 * np.sin(np.pi * np.clip(down / 1.3, 0, 0.99)) ** 0.8
    span = 2 * body.width * body.ctr
    middle = 0.03 * view.turn
    there = soft(down + 0.02, 0.2) * soft(1.12 - down, 0.2)
    return middle - body.right_share * span * right, middle + (1 - body.right_share) * span * left, there


def heart(body: Body, view: View, x, y):
    """Thickness of the heart, 0..1; its widest row over the widest thorax is `body.ctr`."""
    right, left, there = heart_borders(body, view, y)
    across = (2 * x - right - left) / (left - right)
    return there * np.clip(1 - across * across, 0, 1) ** 0.45


def mediastinum(body: Body, view: View, x, y):
    """Thickness of the great vessels and the tissue round the trachea, 0..1."""
    half = body.mediastinum * (0.75 + 0.25 * soft(y + 0.62, 0.5))
    left = half * 0.85 + body.knob * bump((y + 0.3) / 0.1) + 0.05 * bump((y + 0.1) / 0.12)
    right = half * (0.95 + 0.12 * bump((y + 0.05) / 0.2))
    across = (2 * x - (left - right) - 0.05 * view.turn) / (left + right)
    return np.clip(1.25 * (1 - (across * across) ** 2), 0, 1) * soft(0.35 - y, 0.5)


def airway(view: View, x, y):
    """Depth of the trachea and the main bronchi, 0..1."""
    x = x - 0.03 * view.turn
    below = np.clip(y + 0.2, 0, 0.22)
    branch = bump((np.abs(x) - 0.9 * below) / 0.03) * soft(0.0 - y, 0.1)
    return np.where(y < -0.2, np.clip(1 - (x / 0.045) ** 2, 0, 1) ** 0.5, 0.6 * branch)


def flesh(body: Body, view: View, x, y):
    """Attenuation (S, S) of the body as if it were solid: trunk, shoulders, neck, breasts; nothing outside."""
    off = np.abs(x)
    thick = 0.1 + 0.12 * body.fat
    outer = wall(body, view, x, y) + thick + 0.6 * bump((y + 0.62) / 0.33)
    depth = np.clip((outer - off) / (0.3 + 0.2 * body.fat), 0, 1) ** 0.5
    slope = body.apex - 0.22 + 0.5 * np.clip(off - 0.2, 0, 1) ** 1.5 - 0.6 * soft(0.22 - off, 0.2)
    depth = depth * np.clip((y - slope) / 0.5, 0, 1) ** 0.5
    field = depth * (1.55 + 0.35 * body.fat + 0.2 * soft(y - 0.3, 0.8))
    if body.breast:
        radius = np.hypot((off - 0.42) / 0.36, (y - 0.3) / (0.22 + 0.12 * body.breast))
        dome = np.clip(1 - radius * radius, 0, 1) ** 0.8
        field = field + 0.5 * body.breast * dome * (0.45 + 0.55 * soft(y - 0.25, 0.5))
    return field


def branches(rng) -> list:
    """Lung vessels of both sides for `strokes`: trunks fan out from the hila, fork three times and thin."""
    lines = []
    for side in (-1, 1):
        angle = np.linspace(-1.45, 1.5, 7) + rng.normal(0, 0.12, 7)
        place = np.array([[side * 0.17, -0.01 - 0.03 * side]]) + rng.normal(0, 0.025, (7, 2)) * [1, 2]
        width = rng.uniform(0.022, 0.036, 7)
        for steps in (1, 2, 3, 3):
            if steps > 1:
                angle = np.concatenate([angle + 0.38, angle - 0.38]) + rng.normal(0, 0.15, 2 * len(angle))
                place, width = np.tile(place, (2, 1)), np.tile(width, 2) * rng.uniform(0.6, 0.9, len(angle))
            walk = wander(rng, place, angle, steps, side)
            lines += [(points, w, min(1.0, 0.3 + 24 * w)) for points, w in zip(walk, width, strict=True)]
            place, width = walk[:, -1], width * 0.86**steps
    return sorted(lines, key=lambda line: line[1])


def wander(rng, place, angle, steps: int, side: int) -> np.ndarray:
    """Crooked walks from `place` (n, 2) towards `angle` (n,), in radians: their corners, (n, steps + 1, 2)."""
    angle = angle[:, None] + np.cumsum(rng.normal(0, 0.22, (len(angle), steps)), axis=1)
    far = rng.uniform(0.05, 0.095, angle.shape)
    moves = np.stack([side * np.cos(angle) * far, np.sin(angle) * far], axis=2)
    return place[:, None] + np.concatenate([np.zeros_like(moves[:, :1]), np.cumsum(moves, axis=1)], axis=1)
