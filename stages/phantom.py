"""Render the embedded data set: synthetic chest X-rays with findings, in CheXpert's own layout."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from distill import cohort, labeller, params
from distill.atomic import atomic_folder
from distill.contact_sheet import contact_sheet
from distill.findings import LABELS
from distill.render import frontal, lateral
from distill.workers import workers

RAW = Path("data/raw/phantom")
SHEET = Path("plots/phantom.png")


def main() -> None:
    """Write `data/raw/phantom` and the contact sheet as params.yaml asks."""
    render = params.read("phantom").phantom
    train = cohort.sample(render.seed, 1, render.patients)
    valid = cohort.sample(render.seed, cohort.FIRST_VALID, render.valid_patients, most_studies=1)
    heard = labeller.reports(train, render.label_noise, render.uncertain, render.blank)
    with atomic_folder(RAW) as folder:
        write(folder / "train", train, heard, render.size)
        write(folder / "valid", valid, np.array([labeller.truth(s) for s in valid]), render.size)
        draw(folder / "train", train, SHEET)


def write(folder: Path, studies: list[cohort.Study], labels: np.ndarray, size: int, processes: int | None = None):
    """Write a split: `folder` of films and `folder`.csv beside it. `processes` never changes the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    labeller.table(studies, folder.name, labels).to_csv(folder.with_suffix(".csv"), index=False)
    with workers(processes) as pool:
        films = pool.map(partial(write_study, folder, size), studies, chunksize=16)
        for _ in tqdm(films, total=len(studies), desc=folder.name, unit="study", disable=None):
            pass


def write_study(folder: Path, size: int, study: cohort.Study) -> None:
    """Render and write the one or two films of a study as JPEG."""
    place = folder / study.folder
    place.mkdir(parents=True, exist_ok=True)
    patient = (study.seed, study.patient)
    seen = (study.body, study.view, study.strengths, size, patient, (*patient, study.number))
    Image.fromarray(frontal(*seen)).save(place / "view1_frontal.jpg", quality=90)
    if study.lateral:
        Image.fromarray(lateral(*seen)).save(place / "view2_lateral.jpg", quality=90)


def examples(studies: list[cohort.Study], count: int = 28) -> list[tuple[cohort.Study, str]]:
    """A plain example of each label with little else to see, then any studies; each with its title."""
    true = np.array([labeller.truth(s) for s in studies])
    chosen = []
    for column, name in enumerate(LABELS):
        if not true[:, column].any():
            continue
        plain = np.array([s.strengths.get(name, 0.5) for s in studies]) - 0.4 * true.sum(axis=1)
        chosen.append((studies[int(np.argmax(np.where(true[:, column] == 1, plain, -np.inf)))], name))
    for study in studies[:: max(1, len(studies) // (count - len(chosen)))][: count - len(chosen)]:
        chosen.append((study, ",\n".join(list(study.strengths)[:3]) or "No Finding"))
    return chosen


def draw(folder: Path, studies: list[cohort.Study], path: Path) -> None:
    """The contact sheet of the films in `folder`, titled with what is true of them."""
    chosen, titles = zip(*examples(studies), strict=True)
    films = np.stack([np.asarray(Image.open(folder / study.folder / "view1_frontal.jpg")) for study in chosen])
    title = "phantom: one of each label, then as they come"
    contact_sheet(path, images=films, titles=list(titles), columns=7, title=title, width=1.6)


if __name__ == "__main__":
    main()
