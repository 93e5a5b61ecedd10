"""Prepare the data: read every source, decode and resize, split by patient, balance train, pack.

Paper, section 4: CheXpert with its official valid set as test; for COVID-19 two sources together, pneumonia
undersampled and COVID-19 oversampled. Balancing happens after the split, on train alone, and copies no image.
Reads data/raw/<study>; writes data/prepared.h5, data/dumps/labels.h5 (what a student alone learns from: nothing),
data/unreadable.csv, metrics/prepare.json and plots/prepare.png.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from distill import dumps, images, params, prepared, readers, schema, splits
from distill.atomic import atomic, write_json
from distill.contact_sheet import contact_sheet
from distill.counts import census
from distill.errors import BadInput

BLOCK = 1024  # images in memory at a time
UNREADABLE = "data/unreadable.csv"
SHEET = 5  # images of each label on the contact sheet


def main() -> None:
    """From a folder of X-rays to the one file that the networks read."""
    p = params.read("study", "seed", "data", "balance")
    root, labels = Path("data/raw") / p.study, p.data.labels
    table = pd.concat([read_source(root, source, labels, p.study) for source in p.data.sources], ignore_index=True)
    refuse_repeats(table)
    with TemporaryDirectory(dir="data", prefix=".prepare-") as scratch:
        shape = (len(table), p.data.size, p.data.size)
        pixels = np.memmap(Path(scratch) / "pixels", np.uint8, "w+", shape=shape)
        paths = [root / name for name in table["image"]]
        reasons = images.load_all(paths, size=p.data.size, keep_aspect=p.data.keep_aspect, out=pixels)
        unreadable = table.assign(reason=reasons).dropna(subset="reason")
        with atomic(UNREADABLE) as path:  # before it may end the run: then the list is what is wanted
            unreadable[["image", "reason"]].to_csv(path, index=False)
        refuse_too_many(unreadable, len(table), p.data.max_unreadable)

        table = table.drop(index=unreadable.index)  # the index stays the number of the image in `pixels`
        table["split"] = splits.by_patient(table, labels=labels, dev=p.data.dev, test=p.data.test, seed=p.seed)
        refuse_empty(table, p.data)
        train = table[table["split"] == "train"]
        rows = splits.balance(train[labels].to_numpy(), names=labels, targets=p.balance, seed=p.seed)
        pack(table, pixels, rows, study=p.study, labels=labels)
        draw(table, pixels, labels=labels, study=p.study)

    write_json("metrics/prepare.json", census(table, labels=labels, rows=rows) | {"unreadable": len(unreadable)})


def read_source(root: Path, source: schema.Source, labels: list[str], study: str) -> pd.DataFrame:
    """One source of the study as a table; its image paths are below `root`."""
    settings = source.model_dump(exclude={"reader", "folder"})
    table = readers.READERS[source.reader](root / source.folder, labels=labels, **settings)
    paths = [(Path(source.folder) / image).as_posix() for image in table["image"]]
    return table.assign(image=paths, source=study if source.folder == "." else source.folder)


def refuse_repeats(table: pd.DataFrame) -> None:
    """Raise BadInput if two sources hold the same image: it would be two patients' and could stand in two splits."""
    repeated = table[table["image"].duplicated()]
    if len(repeated):
        first = repeated.iloc[0]
        raise BadInput(f"{first['image']}: found in two sources, expected in one: data.sources overlap")


def refuse_too_many(unreadable: pd.DataFrame, count: int, limit: float) -> None:
    """Raise BadInput if more than the share `limit` of the `count` images can't be read; tell if some can't."""
    if not len(unreadable):
        return
    what = f"{len(unreadable)} of {count} images can't be read (listed in {UNREADABLE}), the first: "
    what += unreadable["reason"].iloc[0]
    if len(unreadable) > limit * count:
        raise BadInput(f"data.max_unreadable: {limit:.1%} are allowed, found {what}")
    print(f"prepare: {what}")


def refuse_empty(table: pd.DataFrame, data: schema.Data) -> None:
    """Raise BadInput if a split has no image, or a label no train image that has it: it could not be learnt."""
    for split in prepared.SPLITS:
        if not (table["split"] == split).any():
            raise BadInput(
                f"{split}: no image of {len(table)}, expected some: data.dev {data.dev}, data.test {data.test}"
            )
    positive = (table.loc[table["split"] == "train", data.labels] == 1).any()
    for label in data.labels:
        if not positive[label]:
            raise BadInput(f"data.labels: no train image has {label!r}, expected one or more: does a source map to it?")


def pack(table: pd.DataFrame, pixels: np.ndarray, rows: np.ndarray, *, study: str, labels: list[str]) -> None:
    """Write data/prepared.h5 and the empty dump that goes with it."""
    parts = {split: table[table["split"] == split] for split in prepared.SPLITS}
    columns = {split: columns_of(part, labels) for split, part in parts.items()}
    with atomic("data/prepared.h5") as path:
        size = pixels.shape[1]
        prepared.create(path, study=study, names=labels, size=size, columns=columns, rows=rows)
        for split, part in parts.items():
            prepared.fill(path, split, blocks(pixels, part.index.to_numpy()))
        prepared.measure(path)
    with atomic("data/dumps/labels.h5") as path:
        dumps.create(path, names=labels, image_id=columns["train"]["image_id"])


def columns_of(part: pd.DataFrame, labels: list[str]) -> dict[str, np.ndarray]:
    """What `prepared.create` wants of one split."""
    text = {"image_id": part["image"], "patient_id": part["patient"], "source": part["source"]}
    return {"labels": part[labels].to_numpy()} | {name: column.to_numpy(str) for name, column in text.items()}


def blocks(pixels: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of `pixels` (N, H, H), a block at a time, so that memory does not grow with their number."""
    for first in range(0, len(rows), BLOCK):
        yield pixels[rows[first : first + BLOCK]]


def draw(table: pd.DataFrame, pixels: np.ndarray, *, labels: list[str], study: str) -> None:
    """The contact sheet: a few train images of each label, from all over the set."""
    train = table[table["split"] == "train"]
    shown = {label: train.index[train[label] == 1] for label in labels}
    shown = {label: index[:: max(1, len(index) // SHEET)][:SHEET] for label, index in shown.items()}
    contact_sheet(
        "plots/prepare.png",
        images=pixels[np.concatenate([*shown.values()]).astype(int)],
        titles=[label for label, index in shown.items() for _ in index],
        columns=2 * SHEET,
        title=f"{study}: train images by label",
    )


if __name__ == "__main__":
    main()
