"""One patient's build, and the contours of the thorax that everything else in the chest keeps to.

Lengths are in body coordinates (`film.py`); a contour's x and y are fields (S, S) or single numbers.
"""

from dataclasses import dataclass

import numpy as np

from distill.film import View


@dataclass(frozen=True)
class Body:
    """One patient's build; the findings add to `lift` and set `fracture`."""

    age: int = 50
    fat: float = 0.4  # 0 lean .. 1 obese
    breast: float = 0.0  # 0 none .. 1 large
    width: float = 0.74  # inner half-width of the thorax
    apex: float = -0.72  # top of the lungs
    base: float = 0.62  # costophrenic angle
    dome: float = 0.2  # how far the diaphragm rises above it
    rib_gap: float = 0.15  # from one rib to the next
    rib_start: float = 0.0  # moves all ribs down
    ctr: float = 0.44  # cardiothoracic ratio: width of the heart : width of the thorax
    right_share: float = 0.33  # share of the heart's width to the right of the midline
    mediastinum: float = 0.15  # half-width
    knob: float = 0.06  # how far the aortic arch stands out
    vascular: float = 1.0  # how dense the lung vessels are
    lift: tuple[float, float] = (0.0, 0.0)  # raised diaphragm, right and left
    fracture: tuple[float, float, float] | None = None  # x, y, displacement of the outer fragment


def wall(body: Body, view: View, x, y):
    """Inner half-width of the thorax at each point's height, on that point's side."""
    down = np.clip((y - body.apex) / (body.base - body.apex), 0, 1)
    side = 1 + 0.04 * view.turn * np.sign(x)
    return body.width * side * (0.3 + 0.7 * (1 - (1 - down) ** 2) ** 0.52)


def pleura(body: Body, view: View, x, y):
    """Distances (rim, floor) of each point from the chest wall and from the diaphragm, positive inside the lung."""
    across = np.abs(x) / body.width
    top = body.apex + 0.08 * ((across - 0.4) / 0.25) ** 2
    sides, roof = wall(body, view, x, y) - np.abs(x), (y - top) * 0.9
    rim = np.minimum(sides, roof) - 0.04 * np.exp(-np.abs(sides - roof) / 0.08)  # rounded where they meet
    lift = np.where(x < 0, np.float32(body.lift[0] + 0.035), np.float32(body.lift[1])) + view.breath
    arch = 1 - np.abs((across - 0.46) / 0.56) ** 2.3
    floor = body.base - (body.dome + lift) * np.clip(arch, -0.3, 1) - 0.5 * lift - y
    return rim, floor
