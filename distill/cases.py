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
    """Of each kind of `WHAT` up to four cases; all arguments are (N, K), unknown labels NaN.

    Each is of another image; a label comes again where no other is left. The highest score comes first.
    """
    truth = np.nan_to_num(labels, nan=-1)
    known = truth >= 0
    order = {
        "best": np.where(truth == 1, student, -1),
        "worst": np.where(known, np.abs(truth - student), -1),
        "disagreeing": np.where(known, np.abs(teacher - student), -1),
    }
    return {kind: _highest(score) for kind, score in order.items()}


def _highest(score: np.ndarray) -> list[Case]:
    places = np.argsort(-score, axis=None, kind="stable")[: np.count_nonzero(score >= 0)]
    order = list(zip(*(index.tolist() for index in np.unravel_index(places, score.shape)), strict=True))
    found = []
    for most in range(1, EACH + 1):  # cases of one label
        for row, label in order:
            if len(found) == EACH:
                break
            if row not in [case[0] for case in found] and [case[1] for case in found].count(label) < most:
                found.append((row, label))
    return sorted(found, key=lambda case: -score[case])


def draw(
    path: str | Path,
    cases: Sequence[Case],
    *,
    films: np.ndarray,
    titles: Sequence[str],
    names: Sequence[str],
    maps: Mapping[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]],
    title: str,
) -> None:
    """A row a case: the film of `films` (N, H, H), then for each network where it saw the label.

    `titles` (M,) say what is known and `names` (M,) which images they are; `maps` are functions as `explain.falls`,
    by the network's name.
    """
    columns = 1 + len(maps)
    figure = Figure(figsize=(2.4 * columns, 2.65 * max(1, len(cases)) + 0.4), layout="constrained")
    figure.suptitle(f"{title} (different labels preferred)\n{explain.LEGEND}", size=8)
    panels = figure.subplots(max(1, len(cases)), columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, (row, label), known, image in zip(panels, cases, titles, names, strict=False):
        film = Image.fromarray(films[row])
        _show(axes[0], film, known)
        place = {"transform": axes[0].transAxes, "horizontalalignment": "center", "verticalalignment": "top"}
        axes[0].text(0.5, -0.02, image[-60:], size=5, parse_math=False, **place)
        for place, (name, fall) in zip(axes[1:], maps.items(), strict=True):
            said, heat = fall(films[row])
            _show(place, explain.overlay(film, heat[label]), explain.title(name, said[label], heat[label]))
    png.save(figure, path)


def _show(axes, image: Image.Image, title: str) -> None:
    axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, size=8)
