"""From what a source calls its findings to the labels of the study."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from distill import checked_csv
from distill.checked_csv import nearest
from distill.errors import BadInput


def meanings(classes: dict[str, str], labels: list[str]) -> dict[str, str]:
    """`classes` (the source's name -> the study's label, or "" for none); empty, each label has its own name.

    Raises `BadInput` for a class whose label is none of the study's.
    """
    for key, label in classes.items():
        if label and label not in labels:
            raise BadInput(f"classes: {key!r} is {label!r}, which is no label of the study; {nearest(label, labels)}")
    return classes or {label: label for label in labels}


def columns(found: Sequence[Collection[str]], *, classes: dict[str, str], labels: list[str]) -> dict[str, np.ndarray]:
    """A float32 column (N,) for each label: 1 where a row's names mean it, else 0; all NaN if none of `classes` does.

    `found` has the source's names of each of the N rows.
    """
    meant = [{classes[name] for name in names if name in classes} for names in found]
    return {
        label: np.array([label in row for row in meant] if label in classes.values() else [np.nan] * len(meant), "f4")
        for label in labels
    }


def from_columns(
    cells: pd.DataFrame, *, classes: dict[str, str], labels: list[str], values: Callable[[str], dict], expected: str
) -> dict[str, np.ndarray]:
    """A float32 column (N,) for each label, from the text in the columns of `cells` that `classes` names.

    `values` gives for a label what each text means; of several columns the largest known value counts, a label
    without one is NaN. Raises `BadInput` for the first other text.
    """
    found = {label: np.full(len(cells), np.nan, np.float32) for label in labels}
    for column, label in classes.items():
        meaning = values(label)
        checked_csv.refuse(cells, ~cells[column].str.lower().isin(list(meaning)), column, expected)
        if label:
            found[label] = np.fmax(found[label], cells[column].str.lower().map(meaning).to_numpy(np.float32))
    return found


def refuse_absent(classes: dict[str, str], found: Collection[str], known: Collection[str], what: str) -> None:
    """Raise `BadInput` for a class that is not in `found`; `known` are the names that there are."""
    for key in classes:
        if key not in found:
            there = key.split("/")[0] in known
            raise BadInput(f"{what} {key!r}; {'expected at least one' if there else nearest(key, known)}")


def table(image: Sequence[str], **columns: Sequence[str] | np.ndarray) -> pd.DataFrame:
    """What a reader returns: `image` with `patient`, `split` ("" unless given), `left_out` (the same) and labels."""
    return pd.DataFrame({"image": image, "patient": "", "split": "", "left_out": ""} | columns)
