"""`Sampler`: every epoch is drawn anew, has so many rows of each stratum, and in the end hides no row."""

from types import SimpleNamespace

import numpy as np
import pytest

from rayling.training.epochs import Sampler, views_of


def split(stratum, wanted, labels=None) -> SimpleNamespace:
    """What a sampler needs of a split; all labels are known unless given."""
    stratum = np.array(stratum)
    labels = np.ones((len(stratum), 2)) if labels is None else labels
    return SimpleNamespace(stratum=stratum, wanted=np.array(wanted), labels=labels)


MIXED = split([0] * 10 + [1] * 3 + [2] * 5, [4, 7, 5])  # one undersampled, one oversampled, one as it is


@pytest.mark.parametrize("epoch", range(4))
def test_an_epoch_has_as_many_rows_of_each_stratum_as_are_wanted(epoch):
    rows = Sampler(MIXED, seed=0).rows(epoch)
    assert np.bincount(MIXED.stratum[rows]).tolist() == [4, 7, 5]
    assert sorted(rows[MIXED.stratum[rows] == 2]) == list(range(13, 18))


def test_all_rows_have_been_shown_equally_often_give_or_take_one_after_any_number_of_epochs():
    sampler, shown = Sampler(MIXED, seed=3), np.zeros(18, int)
    for epoch in range(9):
        shown += np.bincount(sampler.rows(epoch), minlength=18)
        for stratum in range(3):
            of_stratum = shown[MIXED.stratum == stratum]
            assert of_stratum.max() - of_stratum.min() <= 1
    assert shown.min() >= 3


def test_an_epoch_depends_on_seed_and_number_alone():
    assert np.array_equal(Sampler(MIXED, seed=1).rows(5), Sampler(MIXED, seed=1).rows(5))
    drawn = {tuple(Sampler(MIXED, seed=seed).rows(epoch)) for seed in range(3) for epoch in range(3)}
    assert len(drawn) > 7  # by chance two of them may agree


def test_labelled_rows_alone_fill_an_epoch_of_the_same_length():
    labels = np.ones((18, 2))
    labels[13:17] = np.nan  # of the last stratum one row is left
    some = split(MIXED.stratum, [4, 7, 5], labels)
    sampler, shown = Sampler(some, seed=0, labelled_only=True), np.zeros(18, int)
    for epoch in range(24):
        rows = sampler.rows(epoch)
        assert len(rows) == len(sampler) == 16
        assert np.bincount(rows).max() <= sampler.most
        shown += np.bincount(rows, minlength=18)
    assert not shown[13:17].any()
    # of 24 · 16 draws each stratum has its share of 4 + 7 + 1
    assert np.bincount(MIXED.stratum, weights=shown) == pytest.approx([128, 224, 32], abs=7)


def test_only_rows_among_those_named_are_drawn_and_fewer_of_each_stratum():
    among = np.arange(18) % 2 == 0
    rows = Sampler(MIXED, seed=0, among=among).rows(1)
    assert among[rows].all()
    assert np.bincount(MIXED.stratum[rows]).tolist() == [2, 5, 2]  # 4 · 5/10, 7 · 2/3, 5 · 2/5


def test_no_view_without_end_comes_twice():
    sampler, seen = Sampler(MIXED, seed=0), set()
    for epoch in range(12):
        rows = sampler.rows(epoch)
        pairs = list(zip(rows, views_of(rows, epoch=epoch, views=None, most=sampler.most), strict=True))
        assert not seen & set(pairs) and len(set(pairs)) == len(pairs)
        seen |= set(pairs)
