"""Where the findings and the organs of a phantom X-ray are, as masks of its pixels.

S is the size in pixels at which the phantom is drawn, H that of the mask, H <= S.
"""

import numpy as np
from PIL import Image

from rayling.phantom.cohort import Study
from rayling.phantom.render import chest_with

CHANGED = 0.25  # of the greatest change: the faint edge of a cloudy finding does not count
COVERED = 0.5  # of a pixel of the mask


def finding(study: Study, name: str, *, size: int, drawn_at: int) -> np.ndarray:
    """The pixels that a finding of the study changes, bool (H, H), H = `size`, S = `drawn_at`.

    The chest is drawn with the finding and without it, everything else being equal. A pixel belongs to the finding if
    its attenuation changes by at least `CHANGED` of the greatest change. A finding that changes the shape of an organ,
    such as an enlarged heart, is where the organ's border has moved to. Raises KeyError if the study does not have it.
    """
    without = {other: severity for other, severity in study.severities.items() if other != name}
    if len(without) == len(study.severities):
        raise KeyError(name)
    fields = [_chest(study, severities, drawn_at).attenuation() for severities in (study.severities, without)]
    change = _shrunk(np.abs(fields[0] - fields[1]), size)
    return change >= CHANGED * change.max()


def lungs_and_heart(study: Study, *, size: int, drawn_at: int) -> np.ndarray:
    """The pixels of both lungs, the heart and what lies between them, above the diaphragm: bool (H, H)."""
    chest = _chest(study, study.severities, drawn_at)
    inside = (chest.to_wall > 0) & (chest.to_diaphragm > 0) | (chest.heart > 0)
    return _shrunk(inside.astype(np.float32), size) >= COVERED


def _chest(study: Study, severities: dict[str, float], size: int):
    return chest_with(study.body, study.view, severities, size, (study.seed, study.patient))


def _shrunk(field: np.ndarray, size: int) -> np.ndarray:
    """A field (S, S) -> its averages over the pixels of (H, H)."""
    return np.asarray(Image.fromarray(field.astype(np.float32)).resize((size, size), Image.Resampling.BOX))
