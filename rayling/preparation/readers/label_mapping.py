"""From the names that a dataset uses (`classes`) to the labels of the study."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from rayling.common.errors import BadInput
from rayling.preparation import csv_table


def checked_classes(classes: dict[str, str], labels: list[str]) -> dict[str, str]:
    """Return `classes`, which maps the dataset's names to labels of the study ("" for none of them).

    If it is empty, each label is called as in the dataset. Raises `BadInput` for a label that the study does not have.
    """
    for key, label in classes.items():
        if label and label not in labels:
            hint = csv_table.suggestion(label, labels)
            raise BadInput(f"classes: {key!r} is {label!r}, which is no label of the study; {hint}")
    return classes or {label: label for label in labels}


def columns(found: Sequence[Collection[str]], *, classes: dict[str, str], labels: list[str]) -> dict[str, np.ndarray]:
    """Return a float32 column (N,) per label: 1 where one of a row's names maps to it, else 0.

    `found` holds the dataset's names of each of the N rows. A label to which no class maps is NaN.
    """
    mapped = [{classes[name] for name in names if name in classes} for names in found]
    unknown = [np.nan] * len(mapped)
    return {
        label: np.array([label in row for row in mapped] if label in classes.values() else unknown, "f4")
        for label in labels
    }


def from_columns(
    cells: pd.DataFrame, *, classes: dict[str, str], labels: list[str], values: Callable[[str], dict], expected: str
) -> dict[str, np.ndarray]:
    """Return a float32 column (N,) per label, from the text in those columns of `cells` that `classes` names.

    `values` returns for a label the number for each text. Of several columns of one label the largest known value
    counts; a label without a column is NaN. Raises `BadInput` for the first other text.
    """
    found = {label: np.full(len(cells), np.nan, np.float32) for label in labels}
    for column, label in classes.items():
        numbers = values(label)
        csv_table.refuse(cells, ~cells[column].str.lower().isin(list(numbers)), column, expected)
        if label:
            found[label] = np.fmax(found[label], cells[column].str.lower().map(numbers).to_numpy(np.float32))
    return found


def refuse_absent(classes: dict[str, str], found: Collection[str], known: Collection[str], what: str) -> None:
    """Raise `BadInput` for a class that is not in `found`; `known` are the names that the dataset has."""
    for key in classes:
        if key not in found:
            exists = key.split("/")[0] in known
            raise BadInput(f"{what} {key!r}; {'expected at least one' if exists else csv_table.suggestion(key, known)}")


def table(image: Sequence[str], **columns: Sequence[str] | np.ndarray) -> pd.DataFrame:
    """Return a reader's table (see `sources`); columns that are not given are blank."""
    blank = {"patient": "", "split": "", "left_out": "", "sex": "", "age": np.float32(np.nan), "view": ""}
    return pd.DataFrame({"image": image} | blank | columns)
