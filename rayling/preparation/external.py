"""Films of other hospitals: read like those of the study, without the ones that its networks have seen.

The networks learned from train, and epoch, calibration and thresholds were chosen on dev. A score on a copy of such a
film, or on another film of its patient, would say nothing of another hospital.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.config.schema import Data
from rayling.preparation import csv_table, duplicates, packing, sources
from rayling.preparation.namesakes import namesakes
from rayling.storage import films

SEEN, NAMESAKE, PATIENT = "in train or dev", "file name in train or dev", "patient in train or dev"  # why left out


def read(root: Path, data: Data, *, study: str) -> pd.DataFrame:
    """Return the table of all sources of `data` below `root`, as `sources.read` does.

    Raises `BadInput` as that, and for a source without a film of which a label is known.
    """
    table = sources.read(root, data, study=study)
    for number, source in enumerate(data.sources):
        part = table[(table["number"] == number) & (table["left_out"] == "")]
        if part[data.labels].isna().all(axis=None):
            raise BadInput(f"{root / source.folder}: found no label of its {len(part)} films, expected some")
    return table


def leave_out_seen(table: pd.DataFrame, fingerprints: np.ndarray, seen: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
    """Leave out near-duplicates and namesakes of films that were seen, other films of their patients, and second copies
    in a source.

    `table` has the `row` of each film in `fingerprints` (N, 4); `seen` is what `duplicates.read_fingerprints` returns.
    Returns the table with the column `resembles`: the seen film, or "".
    """
    names, of_seen = seen
    present = table[table["left_out"] == ""]
    own = fingerprints[present["row"].astype(int)]
    near, namesake = duplicates.first_alike(own, of_seen), np.full(len(own), -1)
    for number in present["number"].unique():
        rows = np.flatnonzero(present["number"] == number)
        namesake[rows] = namesakes(present["image"].to_numpy()[rows], own[rows], names, of_seen)
    twin = np.where(near < 0, namesake, near)
    person = present["patient"].isin(present["patient"][twin >= 0])
    copy = present.duplicated(["number", "digest"])
    reasons = {SEEN: near >= 0, NAMESAKE: namesake >= 0, PATIENT: person, "copy": copy}
    resembles = pd.Series(["" if row < 0 else names[row] for row in twin], present.index, dtype=str)
    table.loc[present.index, "left_out"] = np.select(list(reasons.values()), list(reasons), default="")
    return table.assign(resembles=resembles.reindex(table.index, fill_value=""))


def write_csv(path: str | Path, table: pd.DataFrame, *, labels: list[str]) -> None:
    """Write one row per film: `image`, `source`, `left_out` (the reason, or blank), the film that it `resembles`, the
    `reason` why it cannot be read, `patient`, and the labels."""
    csv_table.write(path, table[["image", "source", "left_out", "resembles", "reason", "patient", *labels]])


def refuse_empty(table: pd.DataFrame, root: Path, data: Data, *, listed: str) -> None:
    """Raise `BadInput` for a source of which all films are left out; the file `listed` says why."""
    for number, source in enumerate(data.sources):
        part = table[table["number"] == number]
        if (part["left_out"] != "").all():
            reasons = ", ".join(f"{why} ({count:,})" for why, count in part["left_out"].value_counts().items())
            found = f"found all {len(part):,} films left out: {reasons}"
            raise BadInput(f"{root / source.folder}: {found}; expected some, see {listed}")


def write_films(path: str | Path, kept: pd.DataFrame, pixels: dict[int, Path], *, labels: list[str]) -> None:
    """Write the kept films to `path`; `pixels` maps each size to the file with theirs (`decoding.decode_table`)."""
    renamed = kept.rename(columns={"image": "image_id", "patient": "patient_id"})
    columns = {name: renamed[name] for name in films.COLUMNS}
    films.create(path, names=labels, sizes=pixels, labels=kept[labels].to_numpy(), columns=columns)
    for size, file in pixels.items():
        films.fill(path, size, packing.pixel_blocks(file, kept["row"].to_numpy(int), size))


def remarks(table: pd.DataFrame) -> list[str]:
    """Return what became of the films of each source, a line each."""
    lines = []
    for source, part in table.groupby("source"):
        kept, left_out = part[part["left_out"] == ""], part.loc[part["left_out"] != "", "left_out"]
        reasons = ", ".join(f"{why} ({count:,})" for why, count in left_out.value_counts().items())
        line = f"{source}: {len(kept):,} films of {kept['patient'].nunique():,} patients"
        lines.append(line + (f"; left out: {reasons}" if reasons else ""))
    return lines
