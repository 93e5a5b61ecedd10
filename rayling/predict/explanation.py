"""Draw why networks answer as they do: the X-ray, and an occlusion map of each finding for each network.

H pixels a side, K labels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rayling.common.atomic import atomic
from rayling.explain import occlusion
from rayling.images import reading
from rayling.predict.answers import network_input
from rayling.predict.model import OnnxModel

SIDE, MARGIN, HEAD, LINE = 320, 12, 34, 20  # pixels: of a panel, between panels, above a panel, of a line of text


def save(path: str | Path, image: Image.Image, models: Mapping[str, OnnxModel]) -> None:
    """Write the `sheet` as a PNG, whole or not at all. Raises OSError if it cannot be written."""
    with atomic(path) as partial:
        sheet(image, models).save(partial, "PNG")


def sheet(image: Image.Image, models: Mapping[str, OnnxModel]) -> Image.Image:
    """Draw a row for each label that a network finds, and in it the image and a map for each network, by its name.

    Of exclusive labels a network finds the most probable one. If no network finds any label, the one row is of the most
    probable label of the first network.
    `image` is grey and of any size. All models have the same labels.
    """
    results = {name: occlusion_maps(model, network_input(model, image)) for name, model in models.items()}
    first = next(iter(models.values()))
    panel = Image.fromarray(reading.square(image, size=SIDE, keep_aspect=first.facts["keep_aspect"]))
    rows = [
        {first.labels[label]: panel}
        | {
            occlusion.title(name, probabilities[label], maps[label]): occlusion.overlay(panel, maps[label])
            for name, (probabilities, maps) in results.items()
        }
        for label in _labels_to_show(results, models)
    ]
    warnings = [
        f"{name}: unlike the X-rays that it was trained on, its answers mean little"
        for name, model in models.items()
        if model.run(network_input(model, image)[None])[1].item() > 1
    ]
    return _paste(rows, foot=[occlusion.LEGEND, *warnings, first.facts["notice"]])


def occlusion_maps(model: OnnxModel, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels as the model takes them, uint8 (H, H) -> probabilities (K,) and `occlusion.maps` (K, H, H)."""
    fill = round(255 * model.facts["mean"])
    maps = occlusion.maps(lambda images: model.run(images)[0], pixels, fill=fill)
    return model.run(pixels[None])[0][0], maps


def _labels_to_show(results: Mapping, models: Mapping[str, OnnxModel]) -> list[int]:
    present = np.any([model.decide(results[name][0][None])[0] for name, model in models.items()], 0)
    return np.flatnonzero(present).tolist() or [int(np.argmax(next(iter(results.values()))[0]))]


def _paste(rows: Sequence[Mapping[str, Image.Image]], *, foot: Sequence[str]) -> Image.Image:
    """Square panels below their titles, one mapping a row, with lines of text at the foot."""
    width, height = (SIDE + MARGIN) * len(rows[0]) + MARGIN, (SIDE + HEAD) * len(rows) + MARGIN
    picture = Image.new("RGB", (width, height + LINE * len(foot)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    draw.text((MARGIN, height), "\n".join(foot), "black", ImageFont.load_default(13), spacing=LINE - 13)
    for row, panels in enumerate(rows):
        for column, (title, panel) in enumerate(panels.items()):
            left, top = MARGIN + column * (SIDE + MARGIN), row * (SIDE + HEAD) + HEAD
            picture.paste(panel, (left, top))
            draw.text((left, top - 24), title, "black", font)
    return picture
