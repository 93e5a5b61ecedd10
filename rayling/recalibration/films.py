"""Labelled films of a hospital: a CSV, and the pixels of its images as a network takes them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from rayling.common.errors import BadInput
from rayling.common.parallel import prefetch
from rayling.images import reading
from rayling.predict.answers import network_input
from rayling.predict.model import OnnxModel
from rayling.preparation import csv_table
from rayling.preparation.readers.plain_csv import plain_csv


@dataclass(frozen=True)
class Films:
    """N films; of the K labels of a network those that the CSV does not name are unknown."""

    labels: np.ndarray  # (N, K) of 1, 0 or NaN
    patients: np.ndarray  # (N,) str
    pixels: np.ndarray  # (N, H, H) uint8


def read(listed: Path, model: OnnxModel, *, columns: Mapping[str, str]) -> Films:
    """The films in a CSV, whose paths are relative to its folder: see `preparation/readers/plain_csv.py`.

    `columns` maps `image`, `patient` or `label` to the CSV's own names. Raises BadInput if it has none of the labels,
    for a value that is not 1, 0 or blank, and for films that cannot be read, all of them in one line.
    """
    header = csv_table.header(listed)
    one_column = header.has(columns.get("label", "label"))
    labels = model.labels if one_column else [label for label in model.labels if header.has(label)]
    if not labels:
        raise BadInput(
            f"{listed}: found no column of {', '.join(model.labels)}, expected one of these labels or `label`"
        )
    table = plain_csv(listed.parent, labels=labels, classes={}, file=listed.name, columns=dict(columns))
    if table.empty:
        raise BadInput(f"{listed}: found no film, expected some")
    known = {label: table[label].to_numpy(float) for label in labels}
    values = [known.get(label, np.full(len(table), np.nan)) for label in model.labels]
    paths = [listed.parent / image for image in table["image"]]
    return Films(np.column_stack(values), table["patient"].to_numpy(str), _pixels(model, paths))


def _pixels(model: OnnxModel, paths: list[Path]) -> np.ndarray:
    found = prefetch(partial(_pixels_or_error, model), paths, depth=os.cpu_count())
    read = list(tqdm(found, total=len(paths), desc="films", unit="film", disable=None, leave=False))
    wrong = [str(error) for error in read if isinstance(error, Exception)]
    if wrong:
        raise BadInput(f"{len(wrong)} of {len(paths)} films cannot be read: {'; '.join(wrong)}")
    return np.stack(read)


def _pixels_or_error(model: OnnxModel, path: Path) -> np.ndarray | BadInput | OSError:
    try:
        return network_input(model, reading.grey(path))
    except (BadInput, OSError) as error:
        return error
