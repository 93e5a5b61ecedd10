"""Balanced epochs: exactly the wanted counts, by a rule for several labels at once."""

import numpy as np
import pytest

from distill import balance
from distill.errors import BadInput

NAMES = ["normal", "pneumonia", "covid"]


def epoch(labels, *, names=NAMES, counts=None, ratios=None, seed=0, share=1.0):
    return balance.epoch(labels, names=names, counts=counts or {}, ratios=ratios or {}, seed=seed, share=share)


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


def test_a_target_of_what_there_is_changes_nothing():
    labels = classes(5, 6, 7)
    targets = {"normal": 5, "pneumonia": 6, "covid": 7}
    assert epoch(labels, names=NAMES, counts=targets, seed=0).tolist() == list(range(18))
    assert epoch(labels, names=NAMES, counts={}, seed=0).tolist() == list(range(18))


def test_a_row_belongs_to_its_rarest_target_and_an_unknown_label_to_none():
    labels = np.float32([[1, 1, 0], [1, 0, 0], [1, np.nan, 0], [0, 0, 1], [np.nan, np.nan, np.nan]])
    rows = epoch(labels, names=NAMES, counts={"normal": 2, "pneumonia": 3}, seed=0)
    assert rows.tolist() == [0, 0, 0, 1, 2, 3, 4]


def test_the_seed_decides_and_other_targets_do_not():
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


def test_a_label_in_both_is_refused():
    with pytest.raises(BadInput, match="balance: found 'covid' in counts and in ratios, expected it in one"):
        epoch(classes(5, 6, 7), counts={"covid": 3}, ratios={"covid": 1.0})


def test_the_epoch_of_several_labels_at_once_equals_a_slow_reading_of_the_rule():
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 3)) < [0.5, 0.2, 0.1]).astype(np.float32)
    rows = epoch(labels, counts={"normal": 60, "pneumonia": 80, "covid": 90})
    total = labels.sum(axis=0)
    owner = [min((k for k in range(3) if row[k]), key=lambda k: total[k], default=None) for row in labels]
    counted = {k: sum(owner[row] == k for row in rows) for k in (0, 1, 2, None)}
    assert counted == {0: 60, 1: 80, 2: 90, None: owner.count(None)}


def test_where_a_share_of_the_labels_is_known_the_mix_of_known_labels_stays():
    labels = classes(1000, 3000, 100)
    whole = labels[epoch(labels, counts={"pneumonia": 900, "covid": 800})].sum(axis=0)
    for label in range(3):
        rows = np.flatnonzero(labels[:, label] == 1)
        labels[rows[len(rows) // 10 :]] = np.nan
    rows = epoch(labels, counts={"pneumonia": 900, "covid": 800}, share=0.1)
    known = labels[rows][~np.isnan(labels[rows]).all(axis=1)]
    assert known.sum(axis=0) == pytest.approx(whole / 10)
    assert len(rows) - len(known) == np.isnan(labels).all(axis=1).sum()  # the others once each
