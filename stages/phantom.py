"""Render the embedded data set: synthetic chest X-rays with findings, in CheXpert's own layout."""

import io
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from tqdm import tqdm

from distill import cohort, findings, params

RAW = Path("data/raw/phantom")
SHEET = Path("plots/phantom.png")


def main() -> None:
    """Write `data/raw/phantom` and the contact sheet as params.yaml asks."""
    render = params.read("phantom").phantom
    train = cohort.sample(render.seed, 1, render.patients)
    valid = cohort.sample(render.seed, cohort.FIRST_VALID, render.valid_patients, most_studies=1)
    heard = cohort.reports(train, render.label_noise, render.uncertain, render.blank)
    write(RAW / "train", train, heard, render.size)
    write(RAW / "valid", valid, np.array([cohort.truth(s) for s in valid]), render.size)
    contact_sheet(RAW / "train", train, SHEET)


def write(folder: Path, studies: list[cohort.Study], labels: np.ndarray, size: int, processes: int | None = None):
    """Write a split: `folder` of films and `folder`.csv beside it. `processes` never changes the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    cohort.table(studies, folder.name, labels).to_csv(folder.with_suffix(".csv"), index=False)
    with ProcessPoolExecutor(processes) as pool:
        films = pool.map(partial(write_study, folder, size), studies, chunksize=16)
        for _ in tqdm(films, total=len(studies), desc=folder.name, unit="study", disable=None):
            pass


def write_study(folder: Path, size: int, study: cohort.Study) -> None:
    """Render and write the one or two films of a study as JPEG."""
    place = folder / study.folder
    place.mkdir(parents=True, exist_ok=True)
    patient = (study.seed, study.patient)
    visit = (*patient, study.number)
    seen = (study.body, study.view, study.strengths, size, patient, visit)
    film = findings.frontal(*seen)
    Image.fromarray(film).save(place / "view1_frontal.jpg", quality=90)
    if study.lateral:
        film = findings.lateral(*seen)
        Image.fromarray(film).save(place / "view2_lateral.jpg", quality=90)


def examples(studies: list[cohort.Study], count: int = 28) -> list[tuple[cohort.Study, str]]:
    """A plain example of each label with little else to see, then any studies; each with its title."""
    true = np.array([cohort.truth(s) for s in studies])
    chosen = []
    for column, name in enumerate(cohort.LABELS):
        if not true[:, column].any():
            continue
        plain = np.array([s.strengths.get(name, 0.5) for s in studies]) - 0.4 * true.sum(axis=1)
        chosen.append((studies[int(np.argmax(np.where(true[:, column] == 1, plain, -np.inf)))], name))
    for study in studies[:: max(1, len(studies) // (count - len(chosen)))][: count - len(chosen)]:
        chosen.append((study, ",\n".join(list(study.strengths)[:3]) or "No Finding"))
    return chosen


def contact_sheet(folder: Path, studies: list[cohort.Study], path: Path) -> None:
    """Draw 4 rows of 7 films, titled with what is true of them: one of each label, the rest as they come."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 7, figsize=(11.2, 7.6), dpi=100, layout="constrained")
    for axis, (study, title) in zip(axes.flat, examples(studies), strict=False):
        axis.imshow(Image.open(folder / study.folder / "view1_frontal.jpg"), cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=7)
    for axis in axes.flat:
        axis.axis("off")
    figure.savefig(drawn := io.BytesIO())
    pyplot.close(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("L").quantize(40).save(path, optimize=True)  # grain makes big PNGs: 40 greys will do


if __name__ == "__main__":
    main()
