"""Many X-rays on one picture: a person sees at a glance what goes in."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from distill import png

GAP, DPI = 4, 100  # pixels between the tiles of a label sheet; pixels an inch


def contact_sheet(
    path: str | Path, *, images: np.ndarray, titles: list[str], columns: int, title: str, width: float = 1.1
) -> None:
    """Grey `images`, uint8 (N, H, W), `width` inches wide in rows of `columns`, each below its title of any lines."""
    rows = max(1, -(-len(images) // columns))
    more = sum(max((t.count("\n") for t in titles[row * columns :][:columns]), default=0) for row in range(rows))
    figure = Figure(figsize=(max(4, width * columns), (width + 0.15) * rows + 0.13 * more + 0.3), layout="constrained")
    figure.suptitle(title, size=11)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, image, text in zip(figure.axes, images, titles, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(text, size=7, pad=2)
    png.save(figure, path, colours=64)


def label_sheet(path: str | Path, *, rows: dict[str, np.ndarray], columns: int, title: str, side: int = 88) -> None:
    """A row for each entry of `rows`, its name at the left of its at most `columns` images, uint8 (n, H, H).

    One picture of tiles of `side` pixels: hundreds of axes would take seconds to draw.
    """
    mosaic = np.full((max(1, len(rows)) * (side + GAP), columns * (side + GAP)), 255, np.uint8)
    for top, images in enumerate(rows.values()):
        for left, image in enumerate(images[:columns]):
            y, x = top * (side + GAP), left * (side + GAP)
            mosaic[y : y + side, x : x + side] = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    height, width = mosaic.shape
    figure = Figure(figsize=(width / DPI + 2.2, height / DPI + 0.5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.imshow(mosaic, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks([(top + 0.5) * (side + GAP) for top in range(len(rows))], list(rows), fontsize=8, parse_math=False)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle(title, size=11)
    png.save(figure, path, colours=32)
