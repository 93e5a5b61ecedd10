"""The sources of a study: each is read by the reader of its layout, and together they make one table of images.

The contract of the readers: a reader takes the folder `root` of its source, the `labels` of the study and its settings
from `params.yaml`. It opens no image. It returns a table with one row per image and these columns:

- `image`: the path below `root`, with forward slashes, unique
- `patient`: the patient's name within the source
- `split`: "train", "dev" or "test" where the dataset is officially split, else ""
- `left_out`: "", or the reason why the image is not used
- `sex`: "female", "male", or "" if unknown
- `age`: years as float32, NaN if unknown
- `view`: "AP", "PA", or "" if unknown
- `source` (only `plain_csv`, and only if the file has that column): where the image comes from
- one float32 column per label: 1, 0, or NaN if unknown, as are labels that the dataset does not have

The rows are in the order of the dataset's own table, or sorted by path. A reader raises `BadInput` for anything that is
missing or wrong and names the file and the row.

A source that is marked `unlabelled` is read with no `labels`. A reader that chooses images by their class then takes
those of `classes`, or all images if there are none.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.config.schema import Data
from rayling.config.sources import MedMNIST, Source
from rayling.images import reading
from rayling.images.reading import File
from rayling.preparation import identities
from rayling.preparation.readers.chexpert import chexpert
from rayling.preparation.readers.class_folders import class_folders
from rayling.preparation.readers.covid_chestxray import covid_chestxray
from rayling.preparation.readers.medmnist import archived_images, medmnist
from rayling.preparation.readers.nih import nih
from rayling.preparation.readers.plain_csv import plain_csv

READERS = {
    "chexpert": chexpert,
    "class_folders": class_folders,
    "covid_chestxray": covid_chestxray,
    "medmnist": medmnist,
    "nih": nih,
    "plain_csv": plain_csv,
}


def read(root: Path, data: Data, *, study: str) -> pd.DataFrame:
    """Return the tables of all sources below `root`, one after another, with the `number` of the source.

    `image` becomes the path below `root`. `source` is what the reader gives, or else the folder of the source (the
    study if that is `root` itself). `patient` is unique to a person: with several sources it is `<folder>/<patient>`.
    Images of an `unlabelled` source (a column of bool) have no label and are for train, whatever split they come with.
    If the labels are `exclusive`, an image that has one has none of the others. Raises `BadInput` as the readers do,
    if all sources are unlabelled, for an image in two sources, and for one with two exclusive labels.
    """
    if all(source.unlabelled for source in data.sources):
        raise BadInput(f"data.sources: found unlabelled: true in all {len(data.sources)}, expected one with labels")
    for source in data.sources:
        _refuse_link(root, source.folder)
    parts = [_read_source(root, source, data, study).assign(number=n) for n, source in enumerate(data.sources)]
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise BadInput(f"{root}: its {len(parts)} sources name no image, expected some")
    repeated = table.loc[table["image"].duplicated(), "image"]
    if len(repeated):
        raise BadInput(f"{repeated.iloc[0]}: found in two sources, expected in one: data.sources overlap")
    return _exclude_others(table, data.labels) if data.exclusive else table


def images(root: Path, data: Data, table: pd.DataFrame) -> Iterator[File | np.ndarray]:
    """Yield every image of `table` in its order, a file or the pixels from an archive, for `decoding.decode_all`."""
    for number, source in enumerate(data.sources):
        folder = root / source.folder
        wanted = table.loc[table["number"] == number, "image"]
        if isinstance(source, MedMNIST):
            below = [Path(image).relative_to(source.folder).as_posix() for image in wanted]
            yield from archived_images(folder, source.file, below)
        else:
            yield from (File(root / image, inside=folder.resolve()) for image in wanted)


def unlisted(root: Path, table: pd.DataFrame) -> list[str]:
    """Return the images below `root` that are not in `table`: in no CSV, or in a folder that is no class.

    DICOM files that hold no image are counted on standard output.
    """
    found = reading.utf8_listing(root)
    if line := found.passed_over():
        print(f"prepare: {line}")
    return sorted(set(found.images) - set(table["image"]))


def _refuse_link(root: Path, folder: str) -> None:
    """Raise `BadInput` for a link on the way from `root` to `folder`: DVC would not see changes behind it."""
    steps = PurePosixPath(folder).parts
    for path in (root.joinpath(*steps[: n + 1]) for n in range(len(steps))):
        if path.is_symlink():
            raise BadInput(f"{path}: found a link, which DVC does not follow; expected a folder, or {root} a link")


def _read_source(root: Path, source: Source, data: Data, study: str) -> pd.DataFrame:
    settings = source.model_dump(exclude={"reader", "folder", "unlabelled"})
    if source.reader == "covid_chestxray":
        settings["exclusive"] = data.exclusive
    read = READERS[source.reader]
    if source.unlabelled:
        table = _without_labels(read, root / source.folder, data.labels, settings)
    else:
        table = read(root / source.folder, labels=data.labels, **settings)
    name, where = study if source.folder == "." else source.folder, root / source.folder
    patient = table["patient"]
    named = patient[patient != table["image"]]  # the others are patients of their own
    patient = identities.merged(named, what="patients", where=where).reindex(table.index).fillna(patient)
    return table.assign(
        image=[(Path(source.folder) / image).as_posix() for image in identities.on_disk(where, table["image"])],
        source=_origin(table, where).replace("", name),
        unlabelled=source.unlabelled,
        patient=patient if len(data.sources) == 1 else f"{name}/" + patient,
    )


def _origin(table: pd.DataFrame, where: Path) -> pd.Series:
    """Return the column `source` of a reader's table in one spelling, "" where it has none."""
    if "source" not in table:
        return pd.Series("", index=table.index)
    return identities.merged(table["source"], what="sources", where=where)


def _without_labels(read: Callable, folder: Path, labels: list[str], settings: dict) -> pd.DataFrame:
    """Return the table of an unlabelled source: its labels are NaN, its images are for train."""
    settings |= {"classes": dict.fromkeys(settings["classes"], "")}
    if "uncertain" in settings:  # a policy by label
        settings["uncertain"] = {}
    table = read(folder, labels=[], **settings)
    if table.empty:
        raise BadInput(f"{folder}: found no image, expected some: an unlabelled source is of images alone")
    return table.assign(split="train", **dict.fromkeys(labels, np.float32(np.nan)))


def _exclude_others(table: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Set the unknown labels of an image that has one label to 0.

    Raises `BadInput` for an image with two, and for one that is known to have none: it would be given one.
    """
    count = (table[labels] == 1).sum(axis=1)
    if (count > 1).any():
        row = table[count > 1].iloc[0]
        names = ", ".join(label for label in labels if row[label] == 1)
        raise BadInput(f"{row['image']}: found with {names}, expected one of them: data.exclusive is true")
    if (none := (table[labels] == 0).all(axis=1)).any():
        image = table[none].iloc[0]["image"]
        raise BadInput(f"{image}: found with none of {', '.join(labels)}, expected one: data.exclusive is true")
    others = np.broadcast_to((count == 1).to_numpy()[:, None], (len(table), len(labels)))
    table[labels] = table[labels].mask(others & table[labels].isna().to_numpy(), np.float32(0))
    return table
