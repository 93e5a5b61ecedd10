"""How much of an occlusion map lies where the finding is: three measures of a map, and their means with intervals.

A map is a field (H, H) of any sign, of which the positive part counts. A mask is bool (H, H). P pairs of an image and
one of its findings, B resamples of patients.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from rayling.evaluation import bootstrap

# the pointing game of Zhang et al. 2018, "Top-down neural attention by excitation backprop", allows 15 pixels in images
# of some 224: the same share of the side here
TOLERANCE = 15 / 224
HALF = 0.5  # of the map's maximum, from which on a pixel counts for the IoU
MEASURES = ("inside_finding", "inside_chest", "pointing_game", "iou")


def measures(label_map: np.ndarray, finding: np.ndarray, chest: np.ndarray) -> dict[str, float]:
    """Each of the `MEASURES` of one map, 0..1.

    `inside_finding` and `inside_chest`: the share of the map's sum that lies in the mask of the finding, and in that of
    lungs and heart. `pointing_game`: 1 if the maximum lies in the finding or at most `TOLERANCE` of the side beside it.
    `iou`: intersection over union of the finding and the pixels from `HALF` of the maximum on. A map without a positive
    value has NaN for all.
    """
    positive = label_map.clip(0)
    total, top = positive.sum(), positive.max()
    if total == 0:
        return dict.fromkeys(MEASURES, np.nan)
    high = positive >= HALF * top
    return {
        "inside_finding": float(positive[finding].sum() / total),
        "inside_chest": float(positive[chest].sum() / total),
        "pointing_game": float(near(finding)[np.unravel_index(positive.argmax(), positive.shape)]),
        "iou": float((high & finding).sum() / (high | finding).sum()),
    }


def chance(finding: np.ndarray, chest: np.ndarray) -> dict[str, float]:
    """What the measures are for a map without any knowledge: equal everywhere, with its maximum anywhere."""
    found = {"inside_finding": finding, "inside_chest": chest, "pointing_game": near(finding), "iou": finding}
    return {name: float(mask.mean()) for name, mask in found.items()}


def near(finding: np.ndarray) -> np.ndarray:
    """The pixels of a mask and those at most `TOLERANCE` of the side beside it, bool (H, H)."""
    return distance_transform_edt(~finding) <= TOLERANCE * len(finding)


def means(pairs: Sequence[Mapping[str, float]], *, groups: Sequence[str], seed: int) -> dict[str, float | None]:
    """The mean of each measure over P pairs, and its 95 % interval over patients, `*_low` and `*_high`.

    `groups` (P,) are the patients. Pairs with NaN are left out. None where nothing is left; no interval from fewer than
    `bootstrap.FEWEST` patients. Of differences of two networks the same, pair by pair.
    """
    groups, found = np.asarray(groups), {}
    weights = bootstrap.patient_weights(groups, seed=seed, resamples=500) if len(groups) else np.empty((500, 0))
    for name in MEASURES:
        values = np.array([pair[name] for pair in pairs], float)
        known = ~np.isnan(values)
        enough = len(np.unique(groups[known])) >= bootstrap.FEWEST
        with np.errstate(invalid="ignore"):  # a resample without a known value: NaN, which `interval` leaves out
            drawn = weights[:, known] @ values[known] / weights[:, known].sum(axis=1)
        found[name] = float(values[known].mean()) if known.any() else None
        found |= bootstrap.interval(name, drawn, enough=enough)
    return found
