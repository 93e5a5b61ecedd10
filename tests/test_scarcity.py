"""Who keeps labels when few have them."""

import numpy as np
import pandas as pd
import pytest

from distill import prepared, scarcity
from distill.errors import BadInput

LABELS = ["a", "b"]


def table(patients=400, films=3, seed=0):
    """Films of patients; one patient in ten has `b`, four in ten `a`."""
    patient = np.repeat(np.arange(patients), films)
    has = {"a": patient % 10 < 4, "b": patient % 10 == 9}
    rows = pd.DataFrame({"group": [f"g{n:03}" for n in patient], **has}).astype({"a": float, "b": float})
    return rows.sample(frac=1, random_state=seed)


def hidden(rows, fraction, seed=0):
    return scarcity.hidden(rows, labels=LABELS, fraction=fraction, seed=seed)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 0.5, 1.0])
def test_the_share_of_the_patients_keeps_labels_within_every_label(fraction):
    rows = table()
    seen = rows[~hidden(rows, fraction)]
    assert seen["group"].nunique() == pytest.approx(400 * fraction, abs=3)  # one more at most in each of three strata
    assert seen.loc[seen["b"] == 1, "group"].nunique() == np.ceil(40 * fraction)
    assert seen.loc[seen["a"] == 1, "group"].nunique() == np.ceil(160 * fraction)


def test_all_films_of_a_patient_are_labelled_or_none():
    rows = table()
    assert hidden(rows, 0.3).groupby(rows["group"]).nunique().max() == 1


def test_who_is_labelled_at_a_small_share_is_at_a_larger_one_too():
    rows = table()
    small, large = (set(rows.loc[~hidden(rows, fraction), "group"]) for fraction in (0.05, 0.25))
    assert small < large


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_rows():
    rows = table()
    assert hidden(rows, 0.1).equals(hidden(rows.sort_index(), 0.1).reindex(rows.index))
    assert not hidden(rows, 0.1).equals(hidden(rows, 0.1, seed=1))


def test_the_rarest_label_keeps_one_patient_however_small_the_share():
    rows = table(patients=20)
    seen = rows[~hidden(rows, 0.01)]
    assert (seen[LABELS].sum() > 0).all()


def listed(rows):
    """The rows as `prepare` has them: dev beside train, and for every tenth film a copy that is left out."""
    rows = rows.assign(split=np.where(rows["group"] < "g300", "train", "dev"), left_out="", digest=range(len(rows)))
    copies = rows.iloc[::10].assign(left_out="copy")
    return pd.concat([rows, copies], ignore_index=True)


def test_hidden_labels_are_gone_in_train_and_in_the_copies_of_its_films_and_nowhere_else():
    before = listed(table())
    after = scarcity.hide(before.copy(), labels=LABELS, fraction=0.1, seed=0)
    gone = after[LABELS].isna().all(axis=1)
    assert (after.loc[gone, "split"] == "train").all()
    assert gone.groupby(after["digest"]).nunique().max() == 1
    assert after.loc[~gone, LABELS].equals(before.loc[~gone, LABELS])
    assert (gone & (after["left_out"] == "copy")).sum() > 50
    kept = after[(after["split"] == "train") & ~gone]
    assert kept["group"].nunique() == 30
    everything = scarcity.hide(before.copy(), labels=LABELS, fraction=1.0, seed=0)
    pd.testing.assert_frame_equal(everything, before)


@pytest.mark.parametrize(("answer", "told"), [(0.0, "with 'b'"), (1.0, "without 'b'")])
def test_a_label_of_which_nothing_is_left_is_told(answer, told):
    rows = listed(table())
    labelled = ~scarcity.hide(rows, labels=LABELS, fraction=0.05, seed=0)["a"].isna()
    rows.loc[labelled, "b"] = answer
    strata = rows.assign(b=answer)
    with pytest.raises(BadInput, match=rf"data\.labelled_fraction: 0\.05 leaves no train image known to be {told}"):
        scarcity.hide(strata, labels=LABELS, fraction=0.05, seed=0)


def test_labelled_rows_fill_an_epoch_of_the_same_length_equally_often(pack):
    labels = np.zeros((12, 2), np.float32)
    labels[[1, 4, 5, 7, 8, 9, 10]] = np.nan
    labels[2, 0] = np.nan  # one label of it is known
    parts = {"train": labels, "dev": labels[:2], "test": labels[:2]}
    images = {split: np.zeros((len(part), 16, 16), np.uint8) for split, part in parts.items()}
    path = pack(images, parts, rows=np.array([0, 0, *range(1, 12)]))
    split = prepared.read(path, "train")
    rows, counts = np.unique(split.labelled_rows, return_counts=True)
    assert rows.tolist() == [0, 2, 3, 6, 11]
    assert counts.sum() == 13 and counts[0] in (4, 5) and set(counts[1:]) <= {2, 3}  # row 0 is there twice
