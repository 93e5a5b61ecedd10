"""The chest from the side, crude: enough for a frontal-only filter to have work."""

import numpy as np

from distill.anatomy import Chest, branches
from distill.body import Body
from distill.film import View, bump, clouds, grid, soft, strokes
from distill.skeleton import profile


def draw_lateral(body: Body, view: View, size: int, rng) -> Chest:
    """Lay down the chest of `body` from the side, the patient facing left, `size` pixels wide; as `anatomy.draw`."""
    x, y = grid(size, view)
    down = np.clip((y - body.apex) / (body.base - body.apex), 0, 1.3)
    front, back = -0.12 - 0.42 * down**0.7, 0.3 + 0.3 * np.sin(2.4 * down) ** 0.6
    sides, roof = np.minimum(x - front, back - x), y - body.apex
    rim = np.minimum(sides, roof) - 0.06 * np.exp(-np.abs(sides - roof) / 0.1)  # rounded where they meet
    floor = body.base - 0.08 - body.dome * (1.1 - ((x + 0.12) / 0.45) ** 2) - y
    radius = np.hypot((x + 0.2 + 0.4 * (y - 0.3)) / (0.62 * body.ctr), (y - 0.28) / 0.36)
    organ = np.clip(1 - radius * radius, 0, 1) ** 0.45
    air = soft(rim, 0.03) * (soft(floor, 0.03) + 0.4 * soft(-floor, 0.03) * soft(floor + 0.12, 0.1))
    air = air * (0.75 + 0.25 * soft(roof - 0.3, 0.6)) * (1 - 0.6 * organ) * (1 + 0.05 * clouds(rng, size, 8))
    skin = sides + 0.13 + 0.1 * body.fat + 0.12 * bump((y - body.apex) / 0.3)
    solid = 2.1 * np.clip(skin / 0.35, 0, 1) ** 0.5 + 0.5 * soft(-floor, 0.3)
    spine = x - back + 0.13
    disc = np.cos(2 * np.pi * (y + 0.15 * spine) / 0.13)
    bone = (0.28 + 0.14 * disc) * soft(0.085 + 0.008 * disc - np.abs(spine), 0.03)
    bone = bone + 0.1 * profile((y - 0.45 * x * x + 0.3 * x) / body.rib_gap, 0.22) * soft(rim + 0.04, 0.04)
    bone = bone + 0.25 * soft(0.02 - np.abs(x - front + 0.03), 0.02) * soft(0.3 - np.abs(y + 0.15), 0.1)
    arm = 0.3 * soft(0.55 - 0.4 * np.abs(x + 0.1) - (y + 1.2), 0.25)
    vessels = 0.35 * bump(np.hypot((x - 0.02) / 0.1, (y + 0.05) / 0.13)) + 0.3 * strokes(branches(rng), size, view)
    return Chest(x, y, air, rim, floor, organ, solid + arm, bone, vessels, view, body)
