"""Strata have the wanted counts, and hidden labels leave the wanted share of patients labelled."""

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import sampling

NAMES = ["normal", "pneumonia", "covid"]


def strata(labels, *, counts=None, ratios=None, **options):
    return sampling.strata(labels, names=NAMES, counts=counts or {}, ratios=ratios or {}, **options)


def classes(normal, pneumonia, covid):
    rows = np.repeat(np.eye(3, dtype=np.float32), [normal, pneumonia, covid], axis=0)
    return np.random.default_rng(0).permutation(rows)


def test_each_balanced_label_is_a_stratum_with_the_wanted_count_and_the_rest_is_the_last():
    labels = classes(100, 300, 7)
    stratum, wanted = strata(labels, counts={"covid": 60, "pneumonia": 120})
    assert stratum.dtype == wanted.dtype == np.int64
    assert np.array_equal(stratum, np.select([labels[:, 1] == 1, labels[:, 2] == 1], [0, 1], 2))
    assert wanted.tolist() == [120, 60, 100]


def test_without_targets_all_rows_are_one_stratum():
    stratum, wanted = strata(classes(5, 6, 7))
    assert stratum.tolist() == [0] * 18 and wanted.tolist() == [18]


def test_a_row_belongs_to_its_rarest_target_and_an_unknown_label_to_none():
    labels = np.float32([[1, 1, 0], [1, 0, 0], [1, np.nan, 0], [0, 0, 1], [np.nan, np.nan, np.nan]])
    stratum, wanted = strata(labels, counts={"normal": 2, "pneumonia": 3})
    assert stratum.tolist() == [1, 0, 0, 2, 2] and wanted.tolist() == [2, 3, 2]


def test_targets_that_cannot_be_met_are_refused():
    labels = classes(5, 6, 0)
    for targets, line in [
        ({"flu": 3}, "balance: found 'flu', expected one of normal, pneumonia, covid"),
        ({"covid": 3}, "balance: found no row for 'covid', expected one without a rarer target"),
        ({"normal": 0}, "balance: found 0 for 'normal', expected a number above 0"),
    ]:
        with pytest.raises(BadInput) as caught:
            strata(labels, counts=targets)
        assert str(caught.value) == line


def test_a_ratio_is_a_multiple_of_the_commonest_label():
    labels = classes(100, 300, 7)
    assert strata(labels, ratios={"normal": 0.5, "covid": 1.0})[1].tolist() == [150, 300, 300]
    assert strata(labels, ratios={"pneumonia": 0.25}, counts={"covid": 10})[1].tolist() == [75, 10, 100]
    assert strata(labels, ratios={"normal": 1e-9})[1].tolist() == [1, 307]  # never none


def test_a_label_in_counts_and_ratios_is_refused():
    with pytest.raises(BadInput, match="balance: found 'covid' in counts and in ratios, expected it in one"):
        strata(classes(5, 6, 7), counts={"covid": 3}, ratios={"covid": 1.0})


@pytest.mark.parametrize("seed", range(5))
def test_strata_of_several_labels_equal_a_slow_implementation_of_the_rule(seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random((200, 3)) < [0.5, 0.2, 0.1]).astype(np.float32)
    labels[rng.random((200, 3)) < 0.2] = np.nan
    stratum, wanted = strata(labels, counts={"normal": 60, "covid": 90})
    total = (labels == 1).sum(axis=0)
    slow = [min((k for k in (0, 2) if row[k] == 1), key=lambda k: total[k], default=None) for row in labels]
    assert stratum.tolist() == [{0: 0, 2: 1, None: 2}[k] for k in slow]
    assert wanted.tolist() == [60, 90, slow.count(None)]


def test_with_a_share_of_the_labels_known_the_mix_of_known_labels_stays():
    labels = classes(1000, 3000, 100)
    whole = strata(labels, counts={"pneumonia": 900, "covid": 800})[1]
    for label in range(3):
        rows = np.flatnonzero(labels[:, label] == 1)
        labels[rows[len(rows) // 10 :]] = np.nan
    _, wanted = strata(labels, counts={"pneumonia": 900, "covid": 800}, labelled_fraction=0.1)
    hidden = np.isnan(labels).all(axis=1).sum()
    assert (wanted - [0, 0, hidden]).tolist() == (whole // 10).tolist()  # the hidden ones are in the last, once each


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
    rows = rows.assign(split=np.where(rows["group"] < "g300", "train", "dev"), left_out="", unlabelled=False)
    rows["digest"] = range(len(rows))
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


def test_labels_are_hidden_from_a_share_of_the_patients_of_labelled_sources():
    rows = with_copies(cohort())
    few = sampling.hide_labels(rows, labels=AB, fraction=0.1, seed=0)
    more = rows.iloc[:600].assign(unlabelled=True, a=np.nan, b=np.nan, digest=range(10_000, 10_600), split="train")
    more["group"] = "x" + more["group"]
    both = sampling.hide_labels(pd.concat([rows, more], ignore_index=True), labels=AB, fraction=0.1, seed=0)
    pd.testing.assert_frame_equal(both.iloc[: len(rows)], few)
