"""Many X-rays on one picture: a person sees at a glance what goes in."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from distill import png


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
