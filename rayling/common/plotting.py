"""Figures as small PNG files with deterministic bytes, and contact sheets of X-rays."""

import logging
import warnings
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from rayling.common.atomic import atomic

# with Chinese, Japanese and Korean letters, which DejaVu Sans, matplotlib's own font, does not have
EAST_ASIAN = ["Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback"]
EAST_ASIAN += ["PingFang SC", "Hiragino Sans", "Microsoft YaHei", "SimHei", "Malgun Gothic", "Arial Unicode MS"]
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # not every font has every weight
INSTALLED = set(font_manager.get_font_names())
matplotlib.rcParams["font.family"] = ["DejaVu Sans", *(name for name in EAST_ASIAN if name in INSTALLED)]

GAP = 4  # pixels between the tiles of a label sheet
DPI = 100


def save_figure(figure: Figure, path: str | Path, *, colours: int = 256) -> None:
    """Write `figure` as a PNG without metadata. Equal figures give equal bytes.

    A palette of `colours` takes a third of the size of full colour. Agg without pyplot needs no display and leaves no
    figure open. Letters that no font has are boxes, and one line on standard output says so.
    """
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings(record=True) as caught:
        canvas.draw()
    for warning in caught:
        if "missing from font" in str(warning.message):
            _say_that_letters_are_missing()
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(colours, dither=0)
    with atomic(path) as partial:
        picture.save(partial, format="PNG", optimize=True)


@cache  # once in a process, not once for each letter and picture
def _say_that_letters_are_missing() -> None:
    print("plots: no font here has all letters of the labels; pictures show boxes until Noto Sans CJK is installed")


def contact_sheet(
    path: str | Path, *, images: np.ndarray, titles: list[str], columns: int, title: str, width: float = 1.1
) -> None:
    """Draw grey `images`, uint8 (N, H, W), in rows of `columns`, each `width` inches wide.

    Each of the N `titles` stands above its image and may have several lines.
    """
    rows = max(1, -(-len(images) // columns))
    more = sum(max((t.count("\n") for t in titles[row * columns :][:columns]), default=0) for row in range(rows))
    figure = Figure(figsize=(max(4, width * columns), (width + 0.15) * rows + 0.13 * more + 0.3), layout="constrained")
    figure.suptitle(title, size=11)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, image, text in zip(figure.axes, images, titles, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(text, size=7, pad=2)
    save_figure(figure, path, colours=64)


def label_sheet(path: str | Path, *, rows: dict[str, np.ndarray], columns: int, title: str, side: int = 88) -> None:
    """Draw a row for each entry of `rows`: its name, then its first `columns` images, uint8 (n, H, H).

    All tiles, of `side` pixels, are drawn as one image, because hundreds of axes would take seconds.
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
    save_figure(figure, path, colours=32)
