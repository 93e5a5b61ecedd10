"""The picture of an answer: the film, and for each finding where one or two networks saw it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from distill import answers, images, occlusion
from distill.atomic import atomic
from distill.onnx_model import OnnxModel

SIDE, MARGIN, HEAD, LINE = 320, 12, 34, 20  # pixels
LEGEND = "Orange: hiding that part lowers the log-odds; in full colour by the number above."
WARM = np.array([255, 80, 0])  # the colour of what counts most
STRENGTH = 0.65  # of it, at most


def overlay(film: Image.Image, heat: np.ndarray) -> Image.Image:
    """A grey film of any size and a map (H, H) -> in colour: warmer where hiding the film lowers the answer more."""
    share = Image.fromarray((heat.clip(0) / max(heat.max(), 1e-9)).astype(np.float32))
    weight = STRENGTH * np.asarray(share.resize(film.size, Image.Resampling.BILINEAR))[:, :, None]
    return Image.fromarray(np.rint(np.asarray(film)[:, :, None] * (1 - weight) + WARM * weight).astype(np.uint8))


def falls(model: OnnxModel, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of an image as the model takes it (H, H): the probabilities (K,) and their `occlusion.maps` (K, H, H)."""
    fill = round(255 * model.facts["mean"])
    return model.run(pixels[None])[0][0], occlusion.maps(lambda hidden: model.run(hidden)[0], pixels, fill=fill)


def sheet(image: Image.Image, models: Mapping[str, OnnxModel]) -> Image.Image:
    """A row for each label that a network finds (else for the likeliest), a column for each network, by its name."""
    found = {name: falls(model, model.pixels(image)) for name, model in models.items()}
    first = next(iter(models.values()))
    film = Image.fromarray(images.square(image, size=SIDE, keep_aspect=first.facts["keep_aspect"]))
    rows = [
        {first.labels[label]: film}
        | {title(name, said[label], heat[label]): overlay(film, heat[label]) for name, (said, heat) in found.items()}
        for label in _rows(found, models)
    ]
    unlike = [
        f"{name}: {answers.STRANGE}"
        for name, model in models.items()
        if model.run(model.pixels(image)[None])[1].item() > 1
    ]
    return _pasted(rows, foot=[LEGEND, *unlike, first.facts["notice"]])


def title(name: str, probability: float, heat: np.ndarray) -> str:
    """Above the map of a network: its name, its answer, and what the strongest colour stands for."""
    return f"{name}: {probability:.0%}, {max(heat.max(), 0.0):.1f}"


def _pasted(rows: Sequence[Mapping[str, Image.Image]], *, foot: Sequence[str]) -> Image.Image:
    """Squares on one sheet, a row each, below their titles, and lines of text below all."""
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


def save(path: str | Path, image: Image.Image, models: Mapping[str, OnnxModel]) -> None:
    """Write the `sheet`, whole or not at all. Raises OSError if it can't be written."""
    with atomic(path) as partial:
        sheet(image, models).save(partial, "PNG")


def _rows(found: Mapping, models: Mapping[str, OnnxModel]) -> list[int]:
    present = np.any([found[name][0] >= models[name].thresholds for name in models], 0)
    return np.flatnonzero(present).tolist() or [int(np.argmax(next(iter(found.values()))[0]))]
