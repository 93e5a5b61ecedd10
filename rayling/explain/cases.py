"""Choose and draw test cases: the student's best, its worst, and those on which student and teacher disagree most.

N images of H × H pixels, K labels, M cases.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rayling.common import plotting
from rayling.explain import occlusion

CASES_PER_KIND = 4
KINDS = {
    "best": "present findings to which the student gives the highest probability",
    "worst": "probability furthest from the label, a missed finding or a false alarm",
    "disagreeing": "where student and teacher differ most",
}

Case = tuple[int, int]  # the index of an image, the index of a label


def choose(labels: np.ndarray, student: np.ndarray, teacher: np.ndarray) -> dict[str, list[Case]]:
    """Choose up to four cases of each of the `KINDS`, the highest score first.

    All arguments are (N, K): labels 0, 1 or NaN (unknown, never chosen), and the probabilities of both networks.
    No image comes twice among the cases of a kind; a label comes again only where no other is left.
    """
    truth = np.nan_to_num(labels, nan=-1)
    known = truth >= 0
    scores = {
        "best": np.where(truth == 1, student, -1),
        "worst": np.where(known, np.abs(truth - student), -1),
        "disagreeing": np.where(known, np.abs(teacher - student), -1),
    }
    return {kind: _highest(score) for kind, score in scores.items()}


def _highest(score: np.ndarray) -> list[Case]:
    """The cases of the highest scores (N, K); scores below 0 are left out."""
    places = np.argsort(-score, axis=None, kind="stable")[: np.count_nonzero(score >= 0)]
    candidates = list(zip(*(index.tolist() for index in np.unravel_index(places, score.shape)), strict=True))
    cases = []
    for per_label in range(1, CASES_PER_KIND + 1):
        for row, label in candidates:
            if len(cases) == CASES_PER_KIND:
                break
            if row not in [case[0] for case in cases] and [case[1] for case in cases].count(label) < per_label:
                cases.append((row, label))
    return sorted(cases, key=lambda case: -score[case])


def draw(
    path: str | Path,
    cases: Sequence[Case],
    *,
    images: np.ndarray,
    titles: Sequence[str],
    names: Sequence[str],
    networks: Mapping[str, Callable[[int], tuple[np.ndarray, np.ndarray]]],
    title: str,
) -> None:
    """Write a picture with a row for each case: the image, then the occlusion map of each network for the label.

    `images` is uint8 (N, H, H). `titles` (M,) stand above the images of the cases, `names` (M,) below them.
    `networks` maps a name to a function of the index of an image that returns probabilities (K,) and occlusion maps
    (K, h, h), of the size h that the network looks at.
    """
    columns = 1 + len(networks)
    figure = Figure(figsize=(2.4 * columns, 2.65 * max(1, len(cases)) + 0.4), layout="constrained")
    figure.suptitle(f"{title} (different labels preferred)\n{occlusion.LEGEND}", size=8)
    panels = figure.subplots(max(1, len(cases)), columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, (row, label), case_title, name in zip(panels, cases, titles, names, strict=False):
        image = Image.fromarray(images[row])
        _show(axes[0], image, case_title)
        place = {"transform": axes[0].transAxes, "horizontalalignment": "center", "verticalalignment": "top"}
        axes[0].text(0.5, -0.02, name[-60:], size=5, parse_math=False, **place)
        for panel, (network, explain) in zip(axes[1:], networks.items(), strict=True):
            probabilities, maps = explain(row)
            coloured = occlusion.overlay(image, maps[label])
            _show(panel, coloured, occlusion.title(network, probabilities[label], maps[label]))
    plotting.save_figure(figure, path)


def _show(axes, image: Image.Image, title: str) -> None:
    axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, size=8)
