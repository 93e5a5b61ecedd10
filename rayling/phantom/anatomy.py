"""The normal chest of the phantom from the front: a patient's build, and the organs as layers of X-ray attenuation.

Lengths and places are in body coordinates (`projection.py`). `x` and `y` are the coordinates of all pixels, both
(S, S); the functions that describe contours take single numbers too.
"""

from dataclasses import dataclass, replace

import numpy as np

from rayling.phantom.projection import View, body_coordinates, draw_lines, gaussian, smooth_noise, smooth_step

AIR = 1.3  # attenuation that a full depth of air takes away from solid tissue


@dataclass(frozen=True)
class Body:
    """One patient's build. Some diseases change it (`diseases.deform`)."""

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
    aortic_knob: float = 0.06  # how far the aortic arch stands out
    vascularity: float = 1.0  # how dense the lung vessels are
    lift: tuple[float, float] = (0.0, 0.0)  # raised diaphragm, right and left
    fracture: tuple[float, float, float] | None = None  # x, y, displacement of the outer fragment


@dataclass(frozen=True)
class Chest:
    """The layers of one X-ray before exposure, each a field (S, S)."""

    x: np.ndarray
    y: np.ndarray
    air: np.ndarray  # depth of aerated lung, 0..1; above 1 for free air in the pleural space
    to_wall: np.ndarray  # distance from the pleura at the side and the top, positive inside the lung
    to_diaphragm: np.ndarray  # distance from the diaphragm, positive above it
    heart: np.ndarray  # thickness, 0..1
    tissue: np.ndarray  # attenuation of the trunk with all organs, without air
    bone: np.ndarray  # attenuation, metal included
    vessels: np.ndarray  # attenuation
    view: View
    body: Body

    def attenuation(self) -> np.ndarray:
        """Return the attenuation (S, S) of all layers together; 0 outside the body."""
        lung = np.clip(self.air, 0, 1.3)
        inside = smooth_step(self.to_wall, 0.05) * smooth_step(self.to_diaphragm + 0.12, 0.2)
        total = np.maximum(self.tissue, 0) - AIR * lung * np.clip(self.tissue, 0, 1.5) / 1.5
        return np.maximum(total + self.vessels * inside + self.bone * np.clip(self.tissue, 0, 1), 0)


def opacify(chest: Chest, share) -> Chest:
    """Replace the share `share` (S, S), clipped to 0..1, of the air in the lung, which also hides its vessels."""
    share = np.clip(share, 0, 1)
    return replace(chest, air=chest.air * (1 - share), vessels=chest.vessels * (1 - 0.8 * share))


def draw_frontal(body: Body, view: View, size: int, rng) -> Chest:
    """Return the healthy chest of `body` in `view`, `size` pixels wide; `rng` decides vessels and texture."""
    x, y = body_coordinates(size, view)
    to_wall, to_diaphragm = lung_distances(body, view, x, y)
    edge = 2.5 / size
    inside = smooth_step(to_wall, edge * 2) * smooth_step(to_diaphragm, edge * 2)
    depth = 0.62 + 0.38 * np.clip(to_wall / 0.25, 0, 1) ** 0.7
    behind = 0.22 * smooth_step(to_wall, 0.1) * gaussian(to_diaphragm / 0.09) * (to_diaphragm < 0)
    cardiac, central = heart(body, view, x, y), mediastinum(body, view, x, y)
    air = (inside * depth + behind) * (1 - 0.86 * cardiac) * (1 - 0.9 * central)
    air = air * (1 + 0.035 * smooth_noise(rng, size, 24) + 0.04 * smooth_noise(rng, size, 6))
    air = np.maximum(air, 0.34 * airway(view, x, y) * (y > -1.1))
    hila = 0.35 * gaussian(np.hypot((np.abs(x) - 0.18) / 0.07, (y + 0.01 + 0.03 * np.sign(x)) / 0.13))
    stomach = 0.3 * gaussian(np.hypot((x - 0.36) / 0.13, (to_diaphragm + 0.1) / 0.05)) ** 0.7
    vessels = body.vascularity * (0.55 * draw_lines(vessel_tree(rng), size, view) + hila)
    tissue = soft_tissue(body, view, x, y) + 0.25 * cardiac + 0.12 * central - stomach
    bone = skeleton(body, view, x, y, to_wall, to_diaphragm)
    return Chest(x, y, air, to_wall, to_diaphragm, cardiac, tissue, bone, vessels, view, body)


def thorax_half_width(body: Body, view: View, x, y):
    """Return the inner half-width of the thorax at the height `y` and on the side of `x`."""
    down = np.clip((y - body.apex) / (body.base - body.apex), 0, 1)
    side = 1 + 0.04 * view.rotation * np.sign(x)
    return body.width * side * (0.3 + 0.7 * (1 - (1 - down) ** 2) ** 0.52)


def lung_distances(body: Body, view: View, x, y):
    """Return each point's distances from the chest wall and from the diaphragm, positive inside the lung."""
    across = np.abs(x) / body.width
    top = body.apex + 0.08 * ((across - 0.4) / 0.25) ** 2
    sides, roof = thorax_half_width(body, view, x, y) - np.abs(x), (y - top) * 0.9
    to_wall = np.minimum(sides, roof) - 0.04 * np.exp(-np.abs(sides - roof) / 0.08)  # rounded where they meet
    lift = np.where(x < 0, np.float32(body.lift[0] + 0.035), np.float32(body.lift[1])) + view.expiration
    arch = 1 - np.abs((across - 0.46) / 0.56) ** 2.3
    to_diaphragm = body.base - (body.dome + lift) * np.clip(arch, -0.3, 1) - 0.5 * lift - y
    return to_wall, to_diaphragm


def heart_borders(body: Body, view: View, y):
    """Return the right and the left border (x) of the heart at the heights `y`, and its presence there, 0..1."""
    down = (y + 0.14) / (body.base - 0.45 * body.dome - view.expiration + 0.14)
    left = np.where(
        down < 0.8,
        0.4 + 0.6 * np.sin(np.pi / 2 * np.clip(down / 0.8, 0, 1)) ** 1.25,
        np.sqrt(np.clip(1 - ((down - 0.8) / 0.5) ** 2, 0, 1)),
    )
    right = 0.42 + 0.58 * np.sin(np.pi * np.clip(down / 1.3, 0, 0.99)) ** 0.8
    span = 2 * body.width * body.ctr
    middle = 0.03 * view.rotation
    present = smooth_step(down + 0.02, 0.2) * smooth_step(1.12 - down, 0.2)
    return middle - body.right_share * span * right, middle + (1 - body.right_share) * span * left, present


def heart(body: Body, view: View, x, y):
    """Return the thickness of the heart, 0..1. Its greatest width over that of the thorax is `body.ctr`."""
    right, left, present = heart_borders(body, view, y)
    across = (2 * x - right - left) / (left - right)
    return present * np.clip(1 - across * across, 0, 1) ** 0.45


def mediastinum(body: Body, view: View, x, y):
    """Return the thickness of the great vessels and of the tissue around the trachea, 0..1."""
    half = body.mediastinum * (0.75 + 0.25 * smooth_step(y + 0.62, 0.5))
    left = half * 0.85 + body.aortic_knob * gaussian((y + 0.3) / 0.1) + 0.05 * gaussian((y + 0.1) / 0.12)
    right = half * (0.95 + 0.12 * gaussian((y + 0.05) / 0.2))
    across = (2 * x - (left - right) - 0.05 * view.rotation) / (left + right)
    return np.clip(1.25 * (1 - (across * across) ** 2), 0, 1) * smooth_step(0.35 - y, 0.5)


def airway(view: View, x, y):
    """Return the depth of the air in the trachea and the main bronchi, 0..1."""
    x = x - 0.03 * view.rotation
    below = np.clip(y + 0.2, 0, 0.22)
    branch = gaussian((np.abs(x) - 0.9 * below) / 0.03) * smooth_step(0.0 - y, 0.1)
    return np.where(y < -0.2, np.clip(1 - (x / 0.045) ** 2, 0, 1) ** 0.5, 0.6 * branch)


def soft_tissue(body: Body, view: View, x, y):
    """Return the attenuation (S, S) of trunk, shoulders, neck and breasts as if they were solid; 0 outside the body."""
    lateral = np.abs(x)
    thick = 0.1 + 0.12 * body.fat
    outer = thorax_half_width(body, view, x, y) + thick + 0.6 * gaussian((y + 0.62) / 0.33)
    depth = np.clip((outer - lateral) / (0.3 + 0.2 * body.fat), 0, 1) ** 0.5
    slope = body.apex - 0.22 + 0.5 * np.clip(lateral - 0.2, 0, 1) ** 1.5 - 0.6 * smooth_step(0.22 - lateral, 0.2)
    depth = depth * np.clip((y - slope) / 0.5, 0, 1) ** 0.5
    field = depth * (1.55 + 0.35 * body.fat + 0.2 * smooth_step(y - 0.3, 0.8))
    if body.breast:
        radius = np.hypot((lateral - 0.42) / 0.36, (y - 0.3) / (0.22 + 0.12 * body.breast))
        dome = np.clip(1 - radius * radius, 0, 1) ** 0.8
        field = field + 0.5 * body.breast * dome * (0.45 + 0.55 * smooth_step(y - 0.25, 0.5))
    return field


def skeleton(body: Body, view: View, x, y, to_wall, to_diaphragm):
    """Return the attenuation (S, S) of all bones."""
    field = clavicles(body, view, x, y) + shoulder_blades(body, view, x, y) + upper_arms(x, y) + spine(x, y)
    return field + ribs(body, view, x, y, to_wall, to_diaphragm)


def clavicles(body: Body, view: View, x, y):
    """Return the attenuation (S, S) of the clavicles."""
    lateral = np.abs(x)  # distance from the midline
    spread = 0.03 * view.rotation * np.sign(x)
    along = np.clip((lateral - 0.07 + spread) / 0.75, 0, 1)
    height = body.apex + 0.23 - 0.07 * view.ap - 0.13 * along - 0.05 * np.sin(2 * np.pi * along)
    field = 0.5 * smooth_step(0.03 - np.abs(y - height), 0.025)
    return field * smooth_step(lateral - 0.07, 0.03) * smooth_step(0.85 - lateral, 0.06)


def shoulder_blades(body: Body, view: View, x, y):
    """Return the attenuation (S, S) of the shoulder blades; in an AP image they lie over the lungs."""
    edge = body.width * (0.9 - 0.14 * view.ap) + 0.12 * np.abs(y + 0.25)
    blade = (0.14 + 0.1 * gaussian((np.abs(x) - edge - 0.02) / 0.02)) * smooth_step(np.abs(x) - edge, 0.02)
    return blade * smooth_step(0.35 - np.abs(y + 0.3), 0.12)


def upper_arms(x, y):
    """Return the attenuation (S, S) of the heads and shafts of both humeri."""
    head = np.hypot(np.abs(x) - 0.97, y + 0.62)
    shaft = 0.35 * smooth_step(0.07 - np.abs(np.abs(x) - 1.04), 0.03) * smooth_step(y + 0.6, 0.1)
    return 0.5 * smooth_step(0.13 - head, 0.04) + shaft


def spine(x, y):
    """Return the attenuation (S, S) of the vertebrae and their spinous processes."""
    level = (y / 0.125 + 0.3) % 1
    column = smooth_step(0.075 + 0.012 * np.cos(2 * np.pi * level) - np.abs(x), 0.03)
    processes = 0.07 * gaussian(np.abs(x) / 0.02) * gaussian((level - 0.5) / 0.25)
    return column * (0.2 + 0.07 * np.cos(2 * np.pi * level)) + processes


def ribs(body: Body, view: View, x, y, to_wall, to_diaphragm):
    """Return the attenuation (S, S) of the ribs: dense and level at the back, faint and steep at the front."""
    out = np.clip(np.abs(x) / (thorax_half_width(body, view, x, y) + 0.02), 0, 1.05)  # 0 at the spine .. 1 at the wall
    moved = 0.0
    if body.fracture is not None:
        broken_x, broken_y, step = body.fracture
        outside = smooth_step((x - broken_x) * np.sign(broken_x), 0.02) * smooth_step(0.3 - np.abs(x - broken_x), 0.15)
        moved = step * outside * smooth_step(0.2 - np.abs(y - broken_y), 0.06)
    gap = body.rib_gap * (1 + 0.1 * y)
    back = (y - body.rib_start - 0.1 * out - 0.26 * (out * out) ** 2 + 0.05 * gaussian((out - 0.3) / 0.3) + moved) / gap
    front = (y - body.rib_start - 0.36 - 0.42 * (1 - out) + 0.12 * out * (out * out) ** 2 + moved) / gap
    inside = smooth_step(to_wall + 0.05, 0.04) * (0.25 + 0.75 * smooth_step(to_diaphragm + 0.02, 0.06))
    field = rib_profile(back, 0.25) * (0.2 + 0.2 * (out * out) ** 3) * smooth_step(np.abs(x) - 0.1, 0.06)
    field += rib_profile(front, 0.27) * 0.1 * smooth_step(out - 0.42, 0.12)
    if body.fracture is not None:  # a gap between the fragments, callus at their ends
        near = smooth_step(0.2 - np.abs(y - broken_y), 0.06)
        field *= 1 + near * (1.1 * gaussian((x - broken_x) / 0.06) - 2 * gaussian((x - broken_x) / 0.025))
    return field * inside


def rib_profile(phase, half_width):
    """Return a rib's profile, 0..1.2, over `phase` (one unit per rib): a plateau with brighter cortex at its edges."""
    distance = np.abs(phase - np.round(phase)) / half_width
    return smooth_step(1 - distance, 0.5) * (0.75 + 0.45 * gaussian((distance - 0.75) / 0.22))


def vessel_tree(rng) -> list:
    """Return the vessels of both lungs for `draw_lines`: trunks from the hila that fork three times and get thinner."""
    lines = []
    for side in (-1, 1):
        angle = np.linspace(-1.45, 1.5, 7) + rng.normal(0, 0.12, 7)
        place = np.array([[side * 0.17, -0.01 - 0.03 * side]]) + rng.normal(0, 0.025, (7, 2)) * [1, 2]
        width = rng.uniform(0.022, 0.036, 7)
        for steps in (1, 2, 3, 3):
            if steps > 1:
                angle = np.concatenate([angle + 0.38, angle - 0.38]) + rng.normal(0, 0.15, 2 * len(angle))
                place, width = np.tile(place, (2, 1)), np.tile(width, 2) * rng.uniform(0.6, 0.9, len(angle))
            walk = random_walks(rng, place, angle, steps, side)
            lines += [(points, w, min(1.0, 0.3 + 24 * w)) for points, w in zip(walk, width, strict=True)]
            place, width = walk[:, -1], width * 0.86**steps
    return sorted(lines, key=lambda line: line[1])


def random_walks(rng, place, angle, steps: int, side: int) -> np.ndarray:
    """Return the corners (n, steps + 1, 2) of crooked walks from `place` (n, 2) towards `angle` (n,), in radians."""
    angle = angle[:, None] + np.cumsum(rng.normal(0, 0.22, (len(angle), steps)), axis=1)
    length = rng.uniform(0.05, 0.095, angle.shape)
    moves = np.stack([side * np.cos(angle) * length, np.sin(angle) * length], axis=2)
    return place[:, None] + np.concatenate([np.zeros_like(moves[:, :1]), np.cumsum(moves, axis=1)], axis=1)
