"""Measure where student and teacher look, on the phantom, of whose findings the place is known pixel by pixel.

Of some test images of each label, the occlusion map of each finding that is there is compared with the finding's own
place, and with lungs and heart (`rayling/attribution/measures.py`). The exported files are run.
Reads data/prepared.h5, data/pixels/<network>.h5 and data/models/<network>.onnx, writes metrics/attribution.json,
data/evaluation/attribution.json, a block for each label, and plots/attribution.png. For other studies, of whose
findings nobody knows the place, they show nothing.
"""

from PIL import Image, ImageDraw

from rayling.common.atomic import atomic, write_json
from rayling.config import params

PICTURE = "plots/attribution.png"


def main() -> None:
    """Measure both networks and draw an example of each label; for another study than the phantom nothing."""
    p = params.read("study", "phantom")
    found, each = measured(p.phantom) if p.study == "phantom" else nothing()
    write_json("metrics/attribution.json", found)
    write_json("data/evaluation/attribution.json", each)


def measured(phantom) -> tuple[dict, dict]:
    """The measures over all labels and of each, which are also drawn."""
    from rayling.attribution import figure, on_phantom  # take a second, which other studies save

    pairs = list(on_phantom.pairs(seed=phantom.seed, patients=phantom.valid_patients, drawn_at=phantom.size))
    if not pairs:  # no label is a finding that is drawn, or test has none of the phantom's own test images
        return nothing()
    of_labels = on_phantom.by_label(pairs)
    each = {label: on_phantom.summary(found) for label, found in of_labels.items()}
    figure.draw(PICTURE, {label: found[0] for label, found in of_labels.items()}, each)
    return on_phantom.summary(pairs), each


def nothing() -> tuple[dict, dict]:
    """Write a picture that says so, as DVC expects the file."""
    picture = Image.new("L", (330, 30), 255)
    ImageDraw.Draw(picture).text((10, 9), "of these X-rays nobody knows where findings are", fill=0)
    with atomic(PICTURE) as partial:
        picture.save(partial, "PNG")
    return {}, {}


if __name__ == "__main__":
    main()
