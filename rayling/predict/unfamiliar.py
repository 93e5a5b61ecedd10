"""Why an image is not one that the network can be asked about: by its header, its shape, its distance from train.

The page says the same (`web/page/unfamiliar.js`).
"""

import warnings
from pathlib import Path

from PIL import Image

from rayling.images.formats import is_dicom

RADIOGRAPHY = ("CR", "DX", "DR", "RG", "RF", "OT")  # PS3.3, C.7.3.1.1.1; OT is what was converted from elsewhere
CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "RIB")  # words of BodyPartExamined, which is often free text
LATERAL = ("LL", "RL", "LLO", "RLO", "LAT", "LATERAL")  # ViewPosition: PS3.3, C.8.7.1.1.1, and as it is found
LONGEST = 3  # times as long as wide; a chest is about as wide as it is high
HEADER = ["Modality", "BodyPartExamined", "ViewPosition"]


def reasons(path: str | Path, image: Image.Image, distance: float) -> list[str]:
    """Return why the `image` that was read from `path` is not for the network; none if it is.

    `distance` is that of `OnnxModel.run`, above 1 out of distribution. A header that says nothing is no reason.
    """
    found = by_header(*header(path)) if is_dicom(path) else []
    if max(image.size) > LONGEST * min(image.size):
        found.append(f"{image.width} × {image.height} pixels, expected at most {LONGEST} times as long as wide")
    if distance > 1:
        limit = f"({distance:.2f} times the limit)"
        found.append(f"unlike the X-rays that this network was trained on {limit}: its answers mean little")
    return found


def by_header(modality: str, body_part: str, view: str) -> list[str]:
    """Return the reasons that Modality, BodyPartExamined and ViewPosition give; "" where one is absent."""
    found = []
    if modality and modality.upper() not in RADIOGRAPHY:
        found.append(f"Modality is {modality}, expected radiography ({', '.join(RADIOGRAPHY)})")
    if body_part and not any(word in body_part.upper() for word in CHEST):
        found.append(f"BodyPartExamined is {body_part}, expected CHEST")
    if view.upper() in LATERAL:
        found.append(f"ViewPosition is {view}, expected a frontal view")
    return found


def header(path: str | Path) -> list[str]:
    """Return Modality, BodyPartExamined and ViewPosition of a DICOM file whose pixels could be read."""
    from pydicom import dcmread  # late, as in `images.reading`

    from rayling.images.dicom_values import text

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of harmless faults, as in `images.dicom`
        dataset = dcmread(path, force=True, stop_before_pixels=True, specific_tags=HEADER)
        for keyword in HEADER:
            try:
                found.append(text(dataset, keyword))
            except Exception:  # pydicom raises some twenty types for a damaged value, which then says nothing
                found.append("")
    return found
