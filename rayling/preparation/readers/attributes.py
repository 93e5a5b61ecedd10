"""Sex, age and view: what a source says of the patient and of the image, in one form for all sources.

They form the groups of patients on which `evaluate` scores a network (`evaluation/groups.py`). No network learns from
them, so a word that is not understood is no error: it counts as unknown.
"""

import re

import numpy as np
import pandas as pd

from rayling.storage.prepared import OLDEST, VIEWS

SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([dwmy]?)")  # a number, or DICOM's age string: 058Y, 006M
YEARS = {"": 1, "y": 1, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}  # in one unit


def columns(*, sex: pd.Series, age: pd.Series, view: pd.Series) -> dict[str, pd.Series]:
    """Return the columns `sex`, `age` and `view` of a reader's table (see `sources`), from text (N,) of the source.

    Case does not matter. An age above `OLDEST` is unknown: the first table of NIH has ages up to 414.
    """
    return {
        "sex": sex.str.lower().map(SEXES).fillna(""),
        "age": age.map(_years).astype(np.float32),
        "view": view.map(_view),
    }


def _years(text: str) -> float:
    match = AGE.fullmatch(text.lower())
    years = float(match[1]) * YEARS[match[2]] if match else np.nan
    return years if years <= OLDEST else np.nan


def _view(text: str) -> str:
    """Return the projection that the words name: `AP` for `AP Supine` and `ap`; "" for `L`, `LL` and `AP/PA`."""
    named = set(re.findall("[A-Z]+", text.upper())).intersection(VIEWS)
    return named.pop() if len(named) == 1 else ""
