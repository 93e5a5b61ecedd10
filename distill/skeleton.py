"""The bones of the chest seen from the front, as attenuation; `rim` and `floor` come from `body.pleura`."""

import numpy as np

from distill.body import Body, wall
from distill.film import View, bump, soft


def skeleton(body: Body, view: View, x, y, rim, floor):
    """Attenuation (S, S) of ribs, clavicles, shoulder blades, upper arms and spine."""
    off = np.abs(x)  # from the midline
    spread = 0.03 * view.turn * np.sign(x)
    along = np.clip((off - 0.07 + spread) / 0.75, 0, 1)
    collar = body.apex + 0.23 - 0.07 * view.ap - 0.13 * along - 0.05 * np.sin(2 * np.pi * along)
    field = 0.5 * soft(0.03 - np.abs(y - collar), 0.025) * soft(off - 0.07, 0.03) * soft(0.85 - off, 0.06)
    edge = body.width * (0.9 - 0.14 * view.ap) + 0.12 * np.abs(y + 0.25)
    blade = (0.14 + 0.1 * bump((off - edge - 0.02) / 0.02)) * soft(off - edge, 0.02)
    field += blade * soft(0.35 - np.abs(y + 0.3), 0.12)
    head = np.hypot(off - 0.97, y + 0.62)
    field += 0.5 * soft(0.13 - head, 0.04) + 0.35 * soft(0.07 - np.abs(off - 1.04), 0.03) * soft(y + 0.6, 0.1)
    level = (y / 0.125 + 0.3) % 1
    column = soft(0.075 + 0.012 * np.cos(2 * np.pi * level) - off, 0.03)
    field += column * (0.2 + 0.07 * np.cos(2 * np.pi * level)) + 0.07 * bump(off / 0.02) * bump((level - 0.5) / 0.25)
    return field + ribs(body, view, x, y, rim, floor)


def ribs(body: Body, view: View, x, y, rim, floor):
    """Attenuation (S, S) of the ribs: the back ones strong and level, the front ones faint and steep."""
    out = np.clip(np.abs(x) / (wall(body, view, x, y) + 0.02), 0, 1.05)  # 0 at the spine .. 1 at the wall
    moved = 0.0
    if body.fracture is not None:
        broken_x, broken_y, step = body.fracture
        outside = soft((x - broken_x) * np.sign(broken_x), 0.02) * soft(0.3 - np.abs(x - broken_x), 0.15)
        moved = step * outside * soft(0.2 - np.abs(y - broken_y), 0.06)
    gap = body.rib_gap * (1 + 0.1 * y)
    back = (y - body.rib_start - 0.1 * out - 0.26 * (out * out) ** 2 + 0.05 * bump((out - 0.3) / 0.3) + moved) / gap
    front = (y - body.rib_start - 0.36 - 0.42 * (1 - out) + 0.12 * out * (out * out) ** 2 + moved) / gap
    inside = soft(rim + 0.05, 0.04) * (0.25 + 0.75 * soft(floor + 0.02, 0.06))
    field = profile(back, 0.25) * (0.2 + 0.2 * (out * out) ** 3) * soft(np.abs(x) - 0.1, 0.06)
    field += profile(front, 0.27) * 0.1 * soft(out - 0.42, 0.12)
    if body.fracture is not None:  # a gap between the fragments, callus at their ends
        near = soft(0.2 - np.abs(y - broken_y), 0.06)
        field *= 1 + near * (1.1 * bump((x - broken_x) / 0.06) - 2 * bump((x - broken_x) / 0.025))
    return field * inside


def profile(phase, half_width):
    """A rib's profile, 0..1.2, over `phase` (one rib a unit): a plateau with brighter cortex at its edges."""
    distance = np.abs(phase - np.round(phase)) / half_width
    return soft(1 - distance, 0.5) * (0.75 + 0.45 * bump((distance - 0.75) / 0.22))
