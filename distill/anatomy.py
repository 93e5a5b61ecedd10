"""The normal chest of the phantom, drawn as X-ray attenuation and exposed on film.

Body coordinates: x runs from -1 (image left, the patient's right) to 1, y from -1 (neck) to 1 (abdomen).
A view maps the picture's pixels to them. Every field is (S, S) float32; S is the picture's size in pixels.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

AIR = 1.3  # attenuation that a full depth of air takes away from solid tissue


@dataclass(frozen=True)
class Body:
    """One patient's build; lengths in body coordinates, `lift` and `fracture` set by findings."""

    age: int = 50
    fat: float = 0.4  # 0 lean .. 1 obese
    breast: float = 0.0  # 0 none .. 1 large
    width: float = 0.74  # inner half-width of the thorax
    apex: float = -0.72
    base: float = 0.62  # costophrenic angle
    dome: float = 0.2
    rib_gap: float = 0.15
    rib_start: float = 0.0
    ctr: float = 0.44  # heart width : thorax width
    axis: float = 0.33  # share of the heart to the right of the midline
    mediastinum: float = 0.15  # half-width
    knob: float = 0.06  # how far the aortic arch stands out
    vascular: float = 1.0  # how dense the lung vessels are
    lift: tuple[float, float] = (0.0, 0.0)  # raised diaphragm, right and left
    fracture: tuple[float, float, float] | None = None  # x, y, displacement of the outer fragment


@dataclass(frozen=True)
class View:
    """How one picture was taken; the defaults are a centred, well exposed PA film."""

    ap: bool = False
    angle: float = 0.0  # radians in the plane
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.15
    turn: float = 0.0  # -1..1, rotation about the long axis: front and back move apart
    breath: float = 0.0  # how far the diaphragm stands too high
    dose: float = 3000.0  # photons a pixel through air, at 128 pixels
    centre: float = 1.05  # attenuation that becomes mid-grey
    gamma: float = 2.1  # slope of the film there


@dataclass(frozen=True)
class Chest:
    """The layers of one picture, before exposure. `air` and the masks are 0..1, the rest attenuation."""

    x: np.ndarray
    y: np.ndarray
    air: np.ndarray  # depth of aerated lung
    rim: np.ndarray  # distance inwards from the pleura at the side and top
    floor: np.ndarray  # distance above the diaphragm
    heart: np.ndarray
    solid: np.ndarray
    bone: np.ndarray
    vessels: np.ndarray
    view: View
    body: Body


def soft(distance, width):
    """A step from 0 to 1 where `distance` passes zero, `width` wide."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def bump(z):
    """A bell of height 1 at zero."""
    return np.exp(-z * z)


def clouds(rng, size: int, cells: int) -> np.ndarray:
    """Smooth noise, (S, S), mean about 0 and deviation about 1, with `cells` bumps along a side."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)) * 1.5


def grid(size: int, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The body coordinates of every pixel: x and y, both (S, S)."""
    u = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    px, py = np.meshgrid(u, u)
    c, s = np.float32(np.cos(view.angle) / view.zoom), np.float32(np.sin(view.angle) / view.zoom)
    return c * px + s * py - np.float32(view.shift[0]), c * py - s * px - np.float32(view.shift[1])


def strokes(lines, size: int, view: View, blur: float = 0.5) -> np.ndarray:
    """Draw `lines`, each (points (n, 2) in body coordinates, width, value 0..1), as a (S, S) field."""
    canvas = Image.new("L", (2 * size, 2 * size))
    pen = ImageDraw.Draw(canvas)
    c, s = np.cos(view.angle) * view.zoom, np.sin(view.angle) * view.zoom
    points = (np.concatenate([line[0] for line in lines]) + view.shift) @ np.array([[c, s], [-s, c]])
    pixels, at = ((points + 1) * size).ravel().tolist(), 0
    for corners, width, value in lines:
        end = at + 2 * len(corners)
        pen.line(pixels[at:end], fill=int(255 * value), width=max(1, round(width * size)))
        at = end
    return gaussian_filter(np.asarray(canvas.reduce(2), dtype=np.float32) / 255, blur * size / 128)


def wall(body: Body, view: View, x, y):
    """Inner half-width of the thorax at each point's height, on that point's side."""
    t = np.clip((y - body.apex) / (body.base - body.apex), 0, 1)
    side = 1 + 0.04 * view.turn * np.sign(x)
    return body.width * side * (0.3 + 0.7 * (1 - (1 - t) ** 2) ** 0.52)


def pleura(body: Body, view: View, x, y):
    """Distances (rim, floor) of each point from the chest wall and from the diaphragm, positive inside."""
    across = np.abs(x) / body.width
    top = body.apex + 0.08 * ((across - 0.4) / 0.25) ** 2
    sides, roof = wall(body, view, x, y) - np.abs(x), (y - top) * 0.9
    rim = np.minimum(sides, roof) - 0.04 * np.exp(-np.abs(sides - roof) / 0.08)  # rounded where they meet
    lift = np.where(x < 0, np.float32(body.lift[0] + 0.035), np.float32(body.lift[1])) + view.breath
    arch = 1 - np.abs((across - 0.46) / 0.56) ** 2.3
    floor = body.base - (body.dome + lift) * np.clip(arch, -0.3, 1) - 0.5 * lift - y
    return rim, floor


def heart_borders(body: Body, view: View, y):
    """Right and left border (x) of the heart at heights `y`, and 0..1 of its presence there."""
    u = (y + 0.14) / (body.base - 0.45 * body.dome - view.breath + 0.14)
    left = np.where(
        u < 0.8,
        0.4 + 0.6 * np.sin(np.pi / 2 * np.clip(u / 0.8, 0, 1)) ** 1.25,
        np.sqrt(np.clip(1 - ((u - 0.8) / 0.5) ** 2, 0, 1)),
    )
    right = 0.42 + 0.58 * np.sin(np.pi * np.clip(u / 1.3, 0, 0.99)) ** 0.8
    span = 2 * body.width * body.ctr
    middle = 0.03 * view.turn
    there = soft(u + 0.02, 0.2) * soft(1.12 - u, 0.2)
    return middle - body.axis * span * right, middle + (1 - body.axis) * span * left, there


def heart(body: Body, view: View, x, y):
    """Thickness of the heart, 0..1; its widest row over the widest thorax is `body.ctr`."""
    right, left, there = heart_borders(body, view, y)
    z = (2 * x - right - left) / (left - right)
    return there * np.clip(1 - z * z, 0, 1) ** 0.45


def mediastinum(body: Body, view: View, x, y):
    """Thickness of the great vessels and the tissue round the trachea, 0..1."""
    half = body.mediastinum * (0.75 + 0.25 * soft(y + 0.62, 0.5))
    left = half * 0.85 + body.knob * bump((y + 0.3) / 0.1) + 0.05 * bump((y + 0.1) / 0.12)
    right = half * (0.95 + 0.12 * bump((y + 0.05) / 0.2))
    z = (2 * x - (left - right) - 0.05 * view.turn) / (left + right)
    return np.clip(1.25 * (1 - (z * z) ** 2), 0, 1) * soft(0.35 - y, 0.5)


def airway(view: View, x, y):
    """Depth of the trachea and the main bronchi, 0..1."""
    x = x - 0.03 * view.turn
    below = np.clip(y + 0.2, 0, 0.22)
    branch = bump((np.abs(x) - 0.9 * below) / 0.03) * soft(0.0 - y, 0.1)
    return np.where(y < -0.2, np.clip(1 - (x / 0.045) ** 2, 0, 1) ** 0.5, 0.6 * branch)


def ribs(body: Body, view: View, x, y, rim, floor):
    """Ribs as attenuation: the back ones strong and level, the front ones faint and steep."""
    r = np.clip(np.abs(x) / (wall(body, view, x, y) + 0.02), 0, 1.05)
    broken = 0.0
    if body.fracture is not None:
        fx, fy, step = body.fracture
        outside = soft((x - fx) * np.sign(fx), 0.02) * soft(0.3 - np.abs(x - fx), 0.15)
        broken = step * outside * soft(0.2 - np.abs(y - fy), 0.06)
    gap = body.rib_gap * (1 + 0.1 * y)
    back = (y - body.rib_start - 0.1 * r - 0.26 * (r * r) ** 2 + 0.05 * bump((r - 0.3) / 0.3) + broken) / gap
    front = (y - body.rib_start - 0.36 - 0.42 * (1 - r) + 0.12 * r * (r * r) ** 2 + broken) / gap
    inside = soft(rim + 0.05, 0.04) * (0.25 + 0.75 * soft(floor + 0.02, 0.06))
    field = band(back, 0.25) * (0.2 + 0.2 * (r * r) ** 3) * soft(np.abs(x) - 0.1, 0.06)
    field += band(front, 0.27) * 0.1 * soft(r - 0.42, 0.12)
    if body.fracture is not None:  # a gap between the fragments, callus at their ends
        near = soft(0.2 - np.abs(y - fy), 0.06)
        field *= 1 + near * (1.1 * bump((x - fx) / 0.06) - 2 * bump((x - fx) / 0.025))
    return field * inside


def band(phase, half):
    """A rib's profile over `phase` (one rib a unit): a plateau with brighter cortex at its edges."""
    d = np.abs(phase - np.round(phase)) / half
    return soft(1 - d, 0.5) * (0.75 + 0.45 * bump((d - 0.75) / 0.22))


def skeleton(body: Body, view: View, x, y, rim, floor):
    """Attenuation of ribs, clavicles, shoulder blades, upper arms and spine."""
    a = np.abs(x)
    spread = 0.03 * view.turn * np.sign(x)
    s = np.clip((a - 0.07 + spread) / 0.75, 0, 1)
    collar = body.apex + 0.23 - 0.07 * view.ap - 0.13 * s - 0.05 * np.sin(2 * np.pi * s)
    field = 0.5 * soft(0.03 - np.abs(y - collar), 0.025) * soft(a - 0.07, 0.03) * soft(0.85 - a, 0.06)
    blade = body.width * (0.9 - 0.14 * view.ap) + 0.12 * np.abs(y + 0.25)
    field += (0.14 + 0.1 * bump((a - blade - 0.02) / 0.02)) * soft(a - blade, 0.02) * soft(0.35 - np.abs(y + 0.3), 0.12)
    head = np.hypot(a - 0.97, y + 0.62)
    field += 0.5 * soft(0.13 - head, 0.04) + 0.35 * soft(0.07 - np.abs(a - 1.04), 0.03) * soft(y + 0.6, 0.1)
    z = (y / 0.125 + 0.3) % 1
    column = soft(0.075 + 0.012 * np.cos(2 * np.pi * z) - a, 0.03)
    field += column * (0.2 + 0.07 * np.cos(2 * np.pi * z)) + 0.07 * bump(a / 0.02) * bump((z - 0.5) / 0.25)
    return field + ribs(body, view, x, y, rim, floor)


def flesh(body: Body, view: View, x, y):
    """Attenuation of the body as if it were solid: trunk, shoulders, neck, breasts; nothing outside."""
    a = np.abs(x)
    thick = 0.1 + 0.12 * body.fat
    outer = wall(body, view, x, y) + thick + 0.6 * bump((y + 0.62) / 0.33)
    depth = np.clip((outer - a) / (0.3 + 0.2 * body.fat), 0, 1) ** 0.5
    slope = body.apex - 0.22 + 0.5 * np.clip(a - 0.2, 0, 1) ** 1.5 - 0.6 * soft(0.22 - a, 0.2)
    depth = depth * np.clip((y - slope) / 0.5, 0, 1) ** 0.5
    field = depth * (1.55 + 0.35 * body.fat + 0.2 * soft(y - 0.3, 0.8))
    if body.breast:
        r = np.hypot((a - 0.42) / 0.36, (y - 0.3) / (0.22 + 0.12 * body.breast))
        field = field + 0.5 * body.breast * np.clip(1 - r * r, 0, 1) ** 0.8 * (0.45 + 0.55 * soft(y - 0.25, 0.5))
    return field


def branches(rng) -> list:
    """Lung vessels of both sides as strokes: trunks fan out from the hila, fork three times and thin."""
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
    """Crooked walks from `place` (n, 2) towards `angle` (n,): their corners, (n, steps + 1, 2)."""
    angle = angle[:, None] + np.cumsum(rng.normal(0, 0.22, (len(angle), steps)), axis=1)
    far = rng.uniform(0.05, 0.095, angle.shape)
    moves = np.stack([side * np.cos(angle) * far, np.sin(angle) * far], axis=2)
    return place[:, None] + np.concatenate([np.zeros_like(moves[:, :1]), np.cumsum(moves, axis=1)], axis=1)


def draw(body: Body, view: View, size: int, rng) -> Chest:
    """Lay down the healthy chest of `body` as seen by `view`; `rng` settles vessels and texture."""
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


def draw_lateral(body: Body, view: View, size: int, rng) -> Chest:
    """A crude view from the side, the patient facing left: enough for a frontal-only filter to have work."""
    x, y = grid(size, view)
    t = np.clip((y - body.apex) / (body.base - body.apex), 0, 1.3)
    front, back = -0.12 - 0.42 * t**0.7, 0.3 + 0.3 * np.sin(2.4 * t) ** 0.6
    sides, roof = np.minimum(x - front, back - x), y - body.apex
    rim = np.minimum(sides, roof) - 0.06 * np.exp(-np.abs(sides - roof) / 0.1)  # rounded where they meet
    floor = body.base - 0.08 - body.dome * (1.1 - ((x + 0.12) / 0.45) ** 2) - y
    z = np.hypot((x + 0.2 + 0.4 * (y - 0.3)) / (0.62 * body.ctr), (y - 0.28) / 0.36)
    organ = np.clip(1 - z * z, 0, 1) ** 0.45
    air = soft(rim, 0.03) * (soft(floor, 0.03) + 0.4 * soft(-floor, 0.03) * soft(floor + 0.12, 0.1))
    air = air * (0.75 + 0.25 * soft(roof - 0.3, 0.6)) * (1 - 0.6 * organ) * (1 + 0.05 * clouds(rng, size, 8))
    skin = sides + 0.13 + 0.1 * body.fat + 0.12 * bump((y - body.apex) / 0.3)
    solid = 2.1 * np.clip(skin / 0.35, 0, 1) ** 0.5 + 0.5 * soft(-floor, 0.3)
    spine = x - back + 0.13
    disc = np.cos(2 * np.pi * (y + 0.15 * spine) / 0.13)
    bone = (0.28 + 0.14 * disc) * soft(0.085 + 0.008 * disc - np.abs(spine), 0.03)
    bone = bone + 0.1 * band((y - 0.45 * x * x + 0.3 * x) / body.rib_gap, 0.22) * soft(rim + 0.04, 0.04)
    bone = bone + 0.25 * soft(0.02 - np.abs(x - front + 0.03), 0.02) * soft(0.3 - np.abs(y + 0.15), 0.1)
    arm = 0.3 * soft(0.55 - 0.4 * np.abs(x + 0.1) - (y + 1.2), 0.25)
    vessels = 0.35 * bump(np.hypot((x - 0.02) / 0.1, (y + 0.05) / 0.13)) + 0.3 * strokes(branches(rng), size, view)
    return Chest(x, y, air, rim, floor, organ, solid + arm, bone, vessels, view, body)


def expose(chest: Chest, rng) -> np.ndarray:
    """Turn a chest into a film, (S, S) uint8: attenuate, scatter, count photons, develop."""
    size = len(chest.x)
    lung = np.clip(chest.air, 0, 1.3)
    inside = soft(chest.rim, 0.05) * soft(chest.floor + 0.12, 0.2)
    total = np.maximum(chest.solid, 0) - AIR * lung * np.clip(chest.solid, 0, 1.5) / 1.5
    total = np.maximum(total + chest.vessels * inside + chest.bone * np.clip(chest.solid, 0, 1), 0)
    beam = gaussian_filter(np.exp(-total), 0.0028 * size)
    beam = 0.94 * beam + 0.06 * beam.mean()
    grain = gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 0.45)
    beam = beam + 1.0 * grain * np.sqrt(beam / chest.view.dose * (size / 128))
    film = 1 / (1 + np.exp(-chest.view.gamma * (-np.log(np.maximum(beam, 0.01)) - chest.view.centre)))
    return np.clip(film * 255, 0, 255).astype(np.uint8)
