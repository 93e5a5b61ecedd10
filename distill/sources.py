"""The sources of a study, put together: one table of all images, and the way to each of them."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from distill import files
from distill.errors import BadInput
from distill.images import File
from distill.layouts import MedMNIST, Source
from distill.readers import READERS
from distill.readers.medmnist import pictures as archived
from distill.schema import Data


def read(root: Path, data: Data, *, study: str) -> pd.DataFrame:
    """The tables of all sources below `root`, one after another, with `number` (of the source) and `source`.

    `image` is the path below `root`. `source` is the folder (the study where that is `root` itself), or what the
    reader says. `patient` is one person: each of several sources has its own (`<folder>/<patient>`). Where the
    labels are `exclusive`, an image that has one has none of the others. Raises `BadInput` for what the readers
    refuse, an image in two sources, and one with two exclusive labels.
    """
    for source in data.sources:
        refuse_link(root, source.folder)
    parts = [_read(root, source, data, study).assign(number=n) for n, source in enumerate(data.sources)]
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise BadInput(f"{root}: its {len(parts)} sources name no image, expected some")
    repeated = table[table["image"].duplicated()]
    if len(repeated):
        raise BadInput(f"{repeated['image'].iloc[0]}: found in two sources, expected in one: data.sources overlap")
    return _exclude(table, data.labels) if data.exclusive else table


def refuse_link(root: Path, folder: str) -> None:
    """Raise `BadInput` if `root` is left by a link on the way to `folder`: DVC would see nothing of what is behind."""
    steps = PurePosixPath(folder).parts
    for path in (root.joinpath(*steps[: n + 1]) for n in range(len(steps))):
        if path.is_symlink():
            raise BadInput(f"{path}: found a link, which DVC does not look behind; expected a folder, or {root} a link")


def pictures(root: Path, data: Data, table: pd.DataFrame) -> Iterator[File | np.ndarray]:
    """What `intake` takes in, for every row of `table` in its order: a file, or the pixels out of an archive."""
    for number, source in enumerate(data.sources):
        folder = root / source.folder
        wanted = table.loc[table["number"] == number, "image"]
        if isinstance(source, MedMNIST):
            below = [Path(image).relative_to(source.folder).as_posix() for image in wanted]
            yield from archived(folder, source.file, below)
        else:
            yield from (File(root / image, inside=folder.resolve()) for image in wanted)


def unlisted(root: Path, table: pd.DataFrame) -> list[str]:
    """The images below `root` that no reader has named: in no CSV, or in a folder that is no class."""
    return sorted(set(files.images(root)) - set(table["image"]))


def _read(root: Path, source: Source, data: Data, study: str) -> pd.DataFrame:
    settings = source.model_dump(exclude={"reader", "folder"})
    if source.reader == "covid_chestxray":
        settings["exclusive"] = data.exclusive
    table = READERS[source.reader](root / source.folder, labels=data.labels, **settings)
    name = study if source.folder == "." else source.folder
    return table.assign(
        image=[(Path(source.folder) / image).as_posix() for image in table["image"]],
        source=table["source"].replace("", name) if "source" in table else name,
        patient=table["patient"] if len(data.sources) == 1 else f"{name}/" + table["patient"],
    )


def _exclude(table: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """An image that has one of the `labels` has none of the others, known or not."""
    count = (table[labels] == 1).sum(axis=1)
    if (count > 1).any():
        row = table[count > 1].iloc[0]
        names = ", ".join(label for label in labels if row[label] == 1)
        raise BadInput(f"{row['image']}: found with {names}, expected one of them: data.exclusive is true")
    others = np.broadcast_to((count == 1).to_numpy()[:, None], (len(table), len(labels)))
    table[labels] = table[labels].mask(others & table[labels].isna().to_numpy(), np.float32(0))
    return table
