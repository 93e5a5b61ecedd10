"""Cases worth a look: where the student is surest and right, where it is wrong, where it and the teacher part.

N images, K labels, M cases.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from distill import explain, png

EACH = 4  # cases of a kind
WHAT = {
    "best": "findings to which the student gives the highest probability",
    "worst": "furthest from the label: missed or imagined",
    "disagreeing": "where student and teacher differ most",
}

Case = tuple[int, int]  # an image, a label


def chosen(labels: np.ndarray, student: np.ndarray, teacher: np.ndarray) -> dict[str, list[Case]]:
    """Of each kind of `WHAT` up to four cases, of four images; all arguments are (N, K), unknown labels NaN."""
    truth = np.nan_to_num(labels, nan=-1)
    known = truth >= 0
    order = {
        "best": np.where(truth == 1, student, -1),
        "worst": np.where(known, np.abs(truth - student), -1),
        "disagreeing": np.where(known, np.abs(teacher - student), -1),
    }
    return {kind: _highest(score) for kind, score in order.items()}


def _highest(score: np.ndarray) -> list[Case]:
    label = score.argmax(1)
    of_image = score[np.arange(len(score)), label]
    rows = np.argsort(-of_image, kind="stable")[:EACH]
    return [(int(row), int(label[row])) for row in rows if of_image[row] >= 0]


def draw(
    path: str | Path,
    cases: Sequence[Case],
    *,
    films: np.ndarray,
    titles: Sequence[str],
    maps: Mapping[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]],
    title: str,
) -> None:
    """A row a case: the film of `films` (N, H, H), then for each network where it saw the label.

    `titles` (M,) say what is known; `maps` are functions as `explain.falls`, by the network's name.
    """
    columns = 1 + len(maps)
    figure = Figure(figsize=(2.4 * columns, 2.65 * max(1, len(cases)) + 0.4), layout="constrained")
    figure.suptitle(title, size=10)
    panels = figure.subplots(max(1, len(cases)), columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, (row, label), known in zip(panels, cases, titles, strict=False):
        film = Image.fromarray(films[row])
        _show(axes[0], film, known)
        for place, (name, fall) in zip(axes[1:], maps.items(), strict=True):
            said, heat = fall(films[row])
            _show(place, explain.overlay(film, heat[label]), f"{name}: {said[label]:.0%}")
    png.save(figure, path)


def _show(axes, image: Image.Image, title: str) -> None:
    axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, size=8)
