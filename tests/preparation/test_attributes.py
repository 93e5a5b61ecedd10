"""Sex, age and view in the words of the sources, and in words that nobody understands."""

import numpy as np
import pandas as pd
import pytest

from rayling.preparation.readers import attributes


def read(*, sex="", age="", view=""):
    found = attributes.columns(
        **{key: pd.Series([text], dtype=str) for key, text in (("sex", sex), ("age", age), ("view", view))}
    )
    return {key: column.iloc[0] for key, column in found.items()}


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        ("Female", "female"),
        ("f", "female"),
        ("MALE", "male"),
        ("M", "male"),
        ("Unknown", ""),
        ("nan", ""),
        ("O", ""),
        ("1", ""),
    ],
)
def test_sexes(text, sex):
    assert read(sex=text)["sex"] == sex


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("058Y", 58),
        ("58", 58),
        ("61.5", 61.5),
        ("018m", 1.5),
        ("026W", 0.498),
        ("010D", 0.0274),
        ("0", 0),
        ("120", 120),
        ("121", np.nan),
        ("414", np.nan),
        ("9" * 5000, np.nan),
        ("-3", np.nan),
        ("90+", np.nan),
        ("1e1", np.nan),
        ("٣", np.nan),
        ("nan", np.nan),
        ("inf", np.nan),
        ("", np.nan),
    ],
)
def test_ages(text, years):
    assert read(age=text)["age"] == pytest.approx(years, abs=5e-4, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("PA", "PA"),
        ("ap", "AP"),
        ("AP Supine", "AP"),
        ("portable AP", "AP"),
        ("AP/PA", ""),
        ("LL", ""),
        ("apical", ""),
        ("nan", ""),
        ("", ""),
    ],
)
def test_views(text, view):
    assert read(view=text)["view"] == view


def test_a_table_without_rows_has_the_same_types():
    empty = pd.Series([], dtype=str)
    found = pd.DataFrame(attributes.columns(sex=empty, age=empty, view=empty))
    assert len(found) == 0 and found["age"].dtype == np.float32
