"""Prepare the data: read every source, decode and resize, drop copies, split by patient, balance train, pack.

Paper, section 4: CheXpert with its official valid set as test; for COVID-19 two sources together, pneumonia
undersampled and COVID-19 oversampled. Balancing happens after the split, on train alone, and copies no image.
Reads data/raw/<study> and data/splits; writes data/prepared.h5, data/dumps/labels.h5 (what a student alone learns
from: nothing), what a person wants to check (data/split.csv, unreadable.csv, duplicates.csv, unlisted.csv),
metrics/prepare.json and plots/prepare/.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from distill import (
    balance,
    checked_csv,
    counts,
    duplicates,
    intake,
    packing,
    params,
    prepared,
    scarcity,
    sources,
    split_file,
    splits,
)
from distill.atomic import atomic_folder, scratch, write_json
from distill.contact_sheet import label_sheet
from distill.errors import BadInput
from distill.schema import Data

SHEET = 10  # images in a row of a contact sheet


def main() -> None:
    """From folders of X-rays to the one file that the networks read."""
    p = params.read("study", "seed", "data", "balance")
    root, labels = Path("data/raw") / p.study, p.data.labels
    table = sources.read(root, p.data, study=p.study)
    if p.data.split_file:
        table = split_file.give(table, Path("data/splits") / p.data.split_file)
    with scratch("data/prepare") as folder:
        pixels = folder / "pixels"
        table, prints = take_in(table, pixels, root=root, data=p.data)
        table, pairs = drop_copies(table, prints, labels=labels)
        table = assign(table, p.data, seed=p.seed)
        table = scarcity.hide(table, labels=labels, fraction=p.data.labelled_fraction, seed=p.seed)
        kept = table[table["left_out"] == ""]
        train, share = kept.loc[kept["split"] == "train", labels].to_numpy(), p.data.labelled_fraction
        rows = balance.epoch(train, names=labels, **p.balance.model_dump(), seed=p.seed, share=share)
        unlisted = sources.unlisted(root, table)
        checked_csv.write("data/unlisted.csv", pd.DataFrame({"image": unlisted}))
        split_file.write("data/split.csv", table, labels=labels)
        with atomic_folder("plots/prepare") as sheets:
            draw(sheets, kept, pixels, data=p.data, study=p.study)
        packing.pack(kept, pixels, rows, data=p.data, study=p.study)
    census = counts.census(table, pairs, labels=labels, rows=rows) | {"unlisted": len(unlisted)}
    write_json("metrics/prepare.json", census)
    for line in counts.remarks(census):
        print(f"prepare: {line}")


def take_in(table: pd.DataFrame, pixels: Path, *, root: Path, data: Data) -> tuple[pd.DataFrame, np.ndarray]:
    """Decode what is wanted of `table` into the file `pixels`: its `row` there, its `digest`, and the fingerprints."""
    wanted = table[table["left_out"] == ""]
    with pixels.open("wb") as out:
        pictures = sources.pictures(root, data, wanted)
        seen = intake.take_in(pictures, count=len(wanted), size=data.size, keep_aspect=data.keep_aspect, out=out)
    known = pd.DataFrame({"row": range(len(wanted)), "digest": seen.digests, "reason": seen.reasons}, wanted.index)
    table = table.join(known)
    unreadable = table["reason"].notna()
    checked_csv.write("data/unreadable.csv", table.loc[unreadable, ["image", "reason"]])  # before it may end the run
    refuse_too_many(table.loc[unreadable, "reason"], len(wanted), data.max_unreadable)
    return table.assign(left_out=table["left_out"].mask(unreadable, "unreadable")), seen.prints


def drop_copies(table: pd.DataFrame, prints: np.ndarray, *, labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Leave out the films that are there twice; give who must stay together a `group`. Also the pairs."""
    there = table[table["left_out"] == ""]
    first, pairs = duplicates.find(there, prints[there["row"].astype(int)], labels=labels)
    table.loc[first.index, labels] = first[labels]
    table.loc[there.index.difference(first.index), "left_out"] = "copy"
    checked_csv.write("data/duplicates.csv", pairs)
    return table.join(duplicates.groups(there, pairs)), pairs


def assign(table: pd.DataFrame, data: Data, *, seed: int) -> pd.DataFrame:
    """Give every image its split; leave out what would change an official one. Refuses an empty split or label."""
    kept = table[table["left_out"] == ""]
    side = splits.by_group(kept, labels=data.labels, dev=data.dev, test=data.test, seed=seed)
    table.loc[kept.index, "split"] = side
    conflict = side[side == splits.LEFT_OUT].index
    of_group = side.drop(conflict).groupby(kept["group"]).first()
    table.loc[conflict, "left_out"] = "patient or film is in " + kept.loc[conflict, "group"].map(of_group)
    copy = table["left_out"] == "copy"
    stays = table[table["left_out"] == ""].set_index("digest")["split"]
    table.loc[copy, "split"] = table.loc[copy, "digest"].map(stays).fillna(splits.LEFT_OUT)
    table.loc[~copy & (table["left_out"] != ""), "split"] = splits.LEFT_OUT
    refuse_empty(table[table["left_out"] == ""], data)
    return table


def refuse_too_many(reasons: pd.Series, count: int, limit: float) -> None:
    """Raise BadInput if more than the share `limit` of the `count` images can't be read; tell if some can't."""
    if not len(reasons):
        return
    what = f"{len(reasons)} of {count} images can't be read (listed in data/unreadable.csv), the first: "
    what += reasons.iloc[0]
    if len(reasons) > limit * count:
        raise BadInput(f"data.max_unreadable: {limit:.1%} are allowed, found {what}")
    print(f"prepare: {what}")


def refuse_empty(kept: pd.DataFrame, data: Data) -> None:
    """Raise BadInput if a split has no image, or train only one answer to a label: it could not be learnt."""
    for split in prepared.SPLITS:
        if not (kept["split"] == split).any():
            raise BadInput(
                f"{split}: no image of {len(kept)}, expected some: data.dev {data.dev}, data.test {data.test}"
            )
    train = kept.loc[kept["split"] == "train", data.labels]
    for label in data.labels:
        if not (train[label] == 1).any():
            raise BadInput(f"data.labels: no train image has {label!r}, expected one or more: does a source map to it?")
        if not (train[label] == 0).any():
            raise BadInput(f"data.labels: no train image is known to be without {label!r}: is it data.exclusive?")


def draw(folder: Path, kept: pd.DataFrame, pixels: Path, *, data: Data, study: str) -> None:
    """A contact sheet of each split: a row for each label of each source, its images from all over the set."""
    having = {label: kept[label] == 1 for label in data.labels}
    none, some = (kept[data.labels] == 0).all(axis=1), (kept[data.labels] == 1).any(axis=1)
    having |= {"none of them": none, "not known": ~none & ~some}
    for split in prepared.SPLITS:
        sheet = {}
        for source in sorted(kept["source"].unique()):
            for label, has in having.items():
                rows = kept.loc[has & (kept["source"] == source) & (kept["split"] == split), "row"].to_numpy(int)
                if len(rows):
                    shown = rows[:: max(1, len(rows) // SHEET)][:SHEET]
                    sheet[f"{label}\n{source}: {len(rows):,}"] = next(packing.blocks(pixels, shown, data.size))
        title = f"{study}, {split}: {(kept['split'] == split).sum():,} images"
        label_sheet(folder / f"{split}.png", rows=sheet, columns=SHEET, title=title)


if __name__ == "__main__":
    main()
