"""A figure as a small PNG."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from distill.atomic import atomic


def save(figure: Figure, path: str | Path, *, colours: int = 256) -> None:
    """Write `figure` as a PNG with a palette of `colours`, a third of the size of full colour, without metadata.

    Equal figures give equal bytes. Drawn by Agg without pyplot: no display is needed, nothing is left open.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(colours, dither=0)
    with atomic(path) as partial:
        picture.save(partial, format="PNG", optimize=True)
