"""Balanced epochs have exactly the wanted counts, and hidden labels leave the wanted share of patients labelled."""

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import sampling
from rayling.storage import prepared

NAMES = ["normal", "pneumonia", "covid"]


def epoch(labels, *, names=NAMES, counts=None, ratios=None, seed=0, **options):
    return sampling.balanced_epoch(labels, names=names, counts=counts or {}, ratios=ratios or {}, seed=seed, **options)


def classes(normal, pneumonia, covid):
    rows = np.repeat(np.eye(3, dtype=np.float32), [normal, pneumonia, covid], axis=0)
    return np.random.default_rng(0).permutation(rows)


def test_an_epoch_has_exactly_the_wanted_counts():
    labels = classes(100, 300, 7)
    rows = epoch(labels, names=NAMES, counts={"pneumonia": 120, "covid": 60}, seed=0)
    assert rows.dtype == np.int64 and (np.diff(rows) >= 0).all()
    assert labels[rows].sum(axis=0).tolist() == [100, 120, 60]
    counts = np.bincount(rows, minlength=len(labels))
    assert (counts[labels[:, 0] == 1] == 1).all()  # not targeted: once each
    assert counts[labels[:, 1] == 1].max() == 1  # undersampled: no repeats
    assert sorted(counts[labels[:, 2] == 1]) == [8] * 3 + [9] * 4  # 60 = 7 · 8 + 4


def test_a_target_equal_to_the_rows_that_exist_changes_nothing():
    labels = classes(5, 6, 7)
    targets = {"normal": 5, "pneumonia": 6, "covid": 7}
    assert epoch(labels, names=NAMES, counts=targets, seed=0).tolist() == list(range(18))
    assert epoch(labels, names=NAMES, counts={}, seed=0).tolist() == list(range(18))


def test_a_row_belongs_to_its_rarest_target_and_an_unknown_label_to_none():
    labels = np.float32([[1, 1, 0], [1, 0, 0], [1, np.nan, 0], [0, 0, 1], [np.nan, np.nan, np.nan]])
    rows = epoch(labels, names=NAMES, counts={"normal": 2, "pneumonia": 3}, seed=0)
    assert rows.tolist() == [0, 0, 0, 1, 2, 3, 4]


def test_the_draw_depends_on_the_seed_and_not_on_other_targets():
    labels = classes(50, 300, 20)
    draw = {s: epoch(labels, names=NAMES, counts={"pneumonia": 30}, seed=s) for s in (0, 1)}
    assert not np.array_equal(draw[0], draw[1])
    both = epoch(labels, names=NAMES, counts={"covid": 45, "pneumonia": 30}, seed=0)
    ill = labels[:, 1] == 1
    assert np.array_equal(both[ill[both]], draw[0][ill[draw[0]]])


def test_targets_that_cannot_be_met_are_refused():
    labels = classes(5, 6, 0)
    for targets, line in [
        ({"flu": 3}, "balance: found 'flu', expected one of normal, pneumonia, covid"),
        ({"covid": 3}, "balance: found no row for 'covid', expected one without a rarer target"),
        ({"normal": 0}, "balance: found 0 for 'normal', expected a number above 0"),
    ]:
        with pytest.raises(BadInput) as caught:
            epoch(labels, names=NAMES, counts=targets, seed=0)
        assert str(caught.value) == line


def test_a_ratio_is_a_multiple_of_the_commonest_label():
    labels = classes(100, 300, 7)
    rows = epoch(labels, ratios={"normal": 0.5, "covid": 1.0})
    assert labels[rows].sum(axis=0).tolist() == [150, 300, 300]
    rows = epoch(labels, ratios={"pneumonia": 0.25}, counts={"covid": 10})
    assert labels[rows].sum(axis=0).tolist() == [100, 75, 10]
    assert len(epoch(labels, ratios={"normal": 1e-9})) == 308  # never none


def test_a_label_in_counts_and_ratios_is_refused():
    with pytest.raises(BadInput, match="balance: found 'covid' in counts and in ratios, expected it in one"):
        epoch(classes(5, 6, 7), counts={"covid": 3}, ratios={"covid": 1.0})


def test_the_epoch_of_several_labels_equals_a_slow_implementation_of_the_rule():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 3)) < [0.5, 0.2, 0.1]).astype(np.float32)
    rows = epoch(labels, counts={"normal": 60, "pneumonia": 80, "covid": 90})
    total = labels.sum(axis=0)
    owner = [min((k for k in range(3) if row[k]), key=lambda k: total[k], default=None) for row in labels]
    counted = {k: sum(owner[row] == k for row in rows) for k in (0, 1, 2, None)}
    assert counted == {0: 60, 1: 80, 2: 90, None: owner.count(None)}


def test_with_a_share_of_the_labels_known_the_mix_of_known_labels_stays():
    labels = classes(1000, 3000, 100)
    whole = labels[epoch(labels, counts={"pneumonia": 900, "covid": 800})].sum(axis=0)
    for label in range(3):
        rows = np.flatnonzero(labels[:, label] == 1)
        labels[rows[len(rows) // 10 :]] = np.nan
    rows = epoch(labels, counts={"pneumonia": 900, "covid": 800}, labelled_fraction=0.1)
    known = labels[rows][~np.isnan(labels[rows]).all(axis=1)]
    assert known.sum(axis=0) == pytest.approx(whole / 10)
    assert len(rows) - len(known) == np.isnan(labels).all(axis=1).sum()  # the others once each


AB = ["a", "b"]


def cohort(patients=400, images=3, seed=0):
    """Images of patients; one patient in ten has `b`, four in ten `a`."""
    patient = np.repeat(np.arange(patients), images)
    has = {"a": patient % 10 < 4, "b": patient % 10 == 9}
    rows = pd.DataFrame({"group": [f"g{n:03}" for n in patient], **has}).astype({"a": float, "b": float})
    return rows.sample(frac=1, random_state=seed)


def hidden(rows, fraction, seed=0):
    return sampling.hidden_patients(rows, labels=AB, fraction=fraction, seed=seed)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 0.5, 1.0])
def test_the_share_of_the_patients_that_keep_labels_holds_within_every_label(fraction):
    rows = cohort()
    seen = rows[~hidden(rows, fraction)]
    assert seen["group"].nunique() == pytest.approx(400 * fraction, abs=3)  # one more at most in each of three strata
    assert seen.loc[seen["b"] == 1, "group"].nunique() == np.ceil(40 * fraction)
    assert seen.loc[seen["a"] == 1, "group"].nunique() == np.ceil(160 * fraction)


def test_all_images_of_a_patient_keep_their_labels_or_none_does():
    rows = cohort()
    assert hidden(rows, 0.3).groupby(rows["group"]).nunique().max() == 1


def test_patients_labelled_at_a_small_share_are_labelled_at_a_larger_one():
    rows = cohort()
    small, large = (set(rows.loc[~hidden(rows, fraction), "group"]) for fraction in (0.05, 0.25))
    assert small < large


def test_hidden_patients_depend_on_the_seed_and_not_on_the_order_of_rows():
    rows = cohort()
    assert hidden(rows, 0.1).equals(hidden(rows.sort_index(), 0.1).reindex(rows.index))
    assert not hidden(rows, 0.1).equals(hidden(rows, 0.1, seed=1))


def test_the_rarest_label_keeps_a_patient_at_any_share():
    rows = cohort(patients=20)
    seen = rows[~hidden(rows, 0.01)]
    assert (seen[AB].sum() > 0).all()


def with_copies(rows):
    """The rows as in `prepare`: dev beside train, and for every tenth image a copy that is left out."""
    rows = rows.assign(split=np.where(rows["group"] < "g300", "train", "dev"), left_out="", digest=range(len(rows)))
    copies = rows.iloc[::10].assign(left_out="copy")
    return pd.concat([rows, copies], ignore_index=True)


def test_labels_are_hidden_in_train_and_in_copies_of_its_images_and_nowhere_else():
    before = with_copies(cohort())
    after = sampling.hide_labels(before.copy(), labels=AB, fraction=0.1, seed=0)
    hidden_rows = after[AB].isna().all(axis=1)
    assert (after.loc[hidden_rows, "split"] == "train").all()
    assert hidden_rows.groupby(after["digest"]).nunique().max() == 1
    assert after.loc[~hidden_rows, AB].equals(before.loc[~hidden_rows, AB])
    assert (hidden_rows & (after["left_out"] == "copy")).sum() > 50
    kept = after[(after["split"] == "train") & ~hidden_rows]
    assert kept["group"].nunique() == 30
    everything = sampling.hide_labels(before.copy(), labels=AB, fraction=1.0, seed=0)
    pd.testing.assert_frame_equal(everything, before)


@pytest.mark.parametrize(("answer", "what"), [(0.0, "with 'b'"), (1.0, "without 'b'")])
def test_a_label_without_known_positives_or_negatives_left_is_refused(answer, what):
    rows = with_copies(cohort())
    labelled = ~sampling.hide_labels(rows, labels=AB, fraction=0.05, seed=0)["a"].isna()
    rows.loc[labelled, "b"] = answer
    strata = rows.assign(b=answer)
    with pytest.raises(BadInput, match=rf"data\.labelled_fraction: 0\.05 leaves no train image known to be {what}"):
        sampling.hide_labels(strata, labels=AB, fraction=0.05, seed=0)


def test_labelled_rows_repeat_equally_often_to_an_epoch_of_the_same_length(pack):
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
