"""What lies between lung and chest wall: free air, fluid, and scars. A strength is that of `findings.py`."""

from dataclasses import replace

import numpy as np

from distill.anatomy import Chest, fill
from distill.film import bump, clouds, soft
from distill.seeds import side


def pneumothorax(chest: Chest, strength: float, rng) -> Chest:
    """Free air along the side and the top: black, without vessels, the lung's edge a thin line."""
    which = side(rng)
    here = soft(chest.x * which, 0.02)
    wave = 0.03 * np.sin(4 * chest.y + rng.uniform(0, 6))
    depth = (0.05 + 0.2 * strength) * (1 - 0.75 * soft(chest.y + 0.1, 0.9)) + wave
    free = soft(depth - chest.rim, 0.015) * here
    line = bump((chest.rim - depth) / 0.009) * here * soft(chest.rim, 0.02) * soft(chest.floor, 0.03)
    air = chest.air * (1 + 0.3 * free) * (1 - 0.3 * strength * here * (1 - free))
    return replace(chest, air=air, vessels=chest.vessels * (1 - 0.95 * free) + 0.16 * line)


def effusion(chest: Chest, strength: float, rng) -> Chest:
    """Fluid at the base of one lung or both: the angle blunted, the upper limit a meniscus at the wall."""
    which = side(rng)
    both = rng.random() < 0.35
    share = 0.0
    for here, part in ((which, strength), (-which, strength * rng.uniform(0.2, 0.8))):
        if here == which or both:
            level = chest.body.base - 0.09 - 0.5 * part**1.4
            climb = (0.1 + 0.12 * part) * np.exp(-np.clip(chest.rim, 0, 1) / 0.1)
            wet = soft(chest.y - level + climb, 0.06 + 0.1 * part + 0.1 * chest.view.ap)
            share = np.maximum(share, wet * soft(chest.x * here, 0.02))
    return fill(chest, 0.93 * share)


def pleural_other(chest: Chest, strength: float, rng) -> Chest:
    """Thickened pleura: an uneven rind along the wall, with lime in it."""
    which = side(rng)
    here = soft(chest.x * which, 0.02)
    thick = (0.03 + 0.06 * strength) * (1 + 0.5 * np.sin(9 * chest.y + rng.uniform(0, 6)))
    rind = soft(thick - chest.rim, 0.02) * here * bump((chest.y - rng.uniform(-0.5, 0.3)) / 0.4)
    rind = rind * soft(chest.rim, 0.02)
    lime = (0.15 + 0.4 * strength) * rind * np.clip(clouds(rng, len(chest.x), 26), 0, 1.5)
    return replace(fill(chest, (0.55 + 0.35 * strength) * rind), bone=chest.bone + lime)
