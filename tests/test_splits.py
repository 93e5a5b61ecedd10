"""Splits: no patient on two sides, labels alike on every side, and epochs of exactly the wanted counts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from distill import readers, splits
from distill.errors import BadInput

KERMANY = Path(__file__).parents[2] / "shared" / "data" / "chest_xray"
LABELS = ["common", "rare", "unknown"]


def people(seed, *, patients=600, source="a"):
    """1 to 6 images a patient; the label follows the patient, `unknown` is often NaN."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 7, patients)
    patient = np.repeat([f"p{i}" for i in range(patients)], images)
    labels = np.repeat(rng.random((patients, 3)) < [0.4, 0.05, 0.2], images, axis=0).astype(np.float32)
    labels[rng.random(len(labels)) < 0.3, 2] = np.nan
    table = pd.DataFrame({"source": source, "patient": patient, "split": ""})
    return table.assign(**dict(zip(LABELS, labels.T, strict=True)))


def by_patient(table, *, dev=0.1, test=0.2, seed=0, labels=LABELS):
    return splits.by_patient(table, labels=labels, dev=dev, test=test, seed=seed)


def sides(table, split):
    """How many sides each (source, patient) stands on."""
    return table.assign(side=split).groupby(["source", "patient"])["side"].nunique()


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_stands_on_two_sides_and_shares_hold(seed):
    table = people(seed)
    split = by_patient(table, seed=seed)
    assert (sides(table, split) == 1).all()
    patients = table.assign(side=split).drop_duplicates("patient")["side"].value_counts(normalize=True)
    # Not exact: the labels come first, and their patients overlap.
    assert patients["dev"] == pytest.approx(0.1, abs=0.02) and patients["test"] == pytest.approx(0.2, abs=0.02)
    assert split.value_counts(normalize=True)["test"] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_label_shares_are_alike_on_every_side(seed):
    table = people(seed)
    table["side"] = by_patient(table, seed=seed)
    ill = (table[LABELS] == 1).groupby([table["side"], table["patient"]]).any().groupby("side").sum()
    for side, share in {"train": 0.7, "dev": 0.1, "test": 0.2}.items():
        assert (ill.loc[side] - share * ill.sum()).abs().max() <= 1


def test_the_rarest_label_is_dealt_first():
    """Twenty labels of four patients each give dev nobody; those who come after them make up for it."""
    labels = [f"rare{i}" for i in range(20)] + ["common"]
    has = np.vstack([np.repeat(np.eye(20), 4, axis=0), np.zeros((20, 20))])
    table = pd.DataFrame(np.column_stack([has, np.ones(100)]), columns=labels)
    table = table.assign(source="a", patient=[str(i) for i in range(100)], split="")
    for seed in range(20):
        assert (by_patient(table, seed=seed, labels=labels) == "dev").sum() == 10


def test_the_seed_decides_and_the_order_of_rows_does_not():
    table = people(0)
    split = by_patient(table, seed=3)
    shuffled = table.sample(frac=1, random_state=0)
    assert by_patient(shuffled, seed=3).sort_index().equals(split)
    assert not by_patient(table, seed=4).equals(split)


def test_an_official_test_set_stays_and_is_the_only_one_of_its_source():
    table = pd.concat([people(0, source="official"), people(1, source="other")], ignore_index=True)
    first = (table["source"] == "official") & table["patient"].isin(["p1", "p2"])
    table.loc[first & ~table.duplicated(["source", "patient"]), "split"] = "test"  # one image of each
    split = by_patient(table)
    official = table["source"] == "official"
    assert first.sum() > 2 and ((split == "test") == first)[official].all()
    assert (split[official] == "dev").any() and (split[~official] == "test").any()
    # p1 of the other source is another person: the same id may stand elsewhere.
    assert (sides(table, split) == 1).all()


def test_official_train_patients_stay_in_train():
    table = people(0)
    fixed = table["patient"].isin([f"p{i}" for i in range(300)])
    split = by_patient(table.assign(split=np.where(fixed, "train", "")), dev=0.3, test=0.3)
    assert (split[fixed] == "train").all() and set(split[~fixed]) == {"train", "dev", "test"}


def test_no_share_draws_nobody():
    split = by_patient(people(0), dev=0, test=0.3)
    assert set(split) == {"train", "test"}


@pytest.mark.parametrize(("dev", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.1, float("nan"))])
def test_shares_that_leave_no_train_are_refused(dev, test):
    with pytest.raises(BadInput, match=f"dev, test: found shares {dev} and {test}, expected"):
        by_patient(people(0), dev=dev, test=test)


@pytest.mark.skipif(not KERMANY.is_dir(), reason=f"no real X-rays at {KERMANY}")
def test_real_patients_are_not_shared():
    classes = {"NORMAL": "Normal", "PNEUMONIA": "Pneumonia"}
    table = readers.class_folders(KERMANY, labels=list(classes.values()), classes=classes).assign(source="kermany")
    split = by_patient(table, labels=list(classes.values()))
    assert (sides(table, split) == 1).all()
    shares = table["Normal"].groupby(split).mean()
    assert len(shares) == 3 and shares.max() - shares.min() < 0.05


NAMES = ["normal", "pneumonia", "covid"]


def classes(normal, pneumonia, covid):
    rows = np.repeat(np.eye(3, dtype=np.float32), [normal, pneumonia, covid], axis=0)
    return np.random.default_rng(0).permutation(rows)


def test_an_epoch_has_exactly_the_wanted_counts():
    labels = classes(100, 300, 7)
    rows = splits.balance(labels, names=NAMES, targets={"pneumonia": 120, "covid": 60}, seed=0)
    assert rows.dtype == np.int64 and (np.diff(rows) >= 0).all()
    assert labels[rows].sum(axis=0).tolist() == [100, 120, 60]
    counts = np.bincount(rows, minlength=len(labels))
    assert (counts[labels[:, 0] == 1] == 1).all()  # not targeted: once each
    assert counts[labels[:, 1] == 1].max() == 1  # undersampled: no repeats
    assert sorted(counts[labels[:, 2] == 1]) == [8] * 3 + [9] * 4  # 60 = 7 · 8 + 4


def test_a_target_of_what_there_is_changes_nothing():
    labels = classes(5, 6, 7)
    targets = {"normal": 5, "pneumonia": 6, "covid": 7}
    assert splits.balance(labels, names=NAMES, targets=targets, seed=0).tolist() == list(range(18))
    assert splits.balance(labels, names=NAMES, targets={}, seed=0).tolist() == list(range(18))


def test_a_row_belongs_to_its_rarest_target_and_an_unknown_label_to_none():
    labels = np.float32([[1, 1, 0], [1, 0, 0], [1, np.nan, 0], [0, 0, 1], [np.nan, np.nan, np.nan]])
    rows = splits.balance(labels, names=NAMES, targets={"normal": 2, "pneumonia": 3}, seed=0)
    assert rows.tolist() == [0, 0, 0, 1, 2, 3, 4]


def test_the_seed_decides_and_other_targets_do_not():
    labels = classes(50, 300, 20)
    draw = {s: splits.balance(labels, names=NAMES, targets={"pneumonia": 30}, seed=s) for s in (0, 1)}
    assert not np.array_equal(draw[0], draw[1])
    both = splits.balance(labels, names=NAMES, targets={"covid": 45, "pneumonia": 30}, seed=0)
    ill = labels[:, 1] == 1
    assert np.array_equal(both[ill[both]], draw[0][ill[draw[0]]])


def test_targets_that_cannot_be_met_are_refused():
    labels = classes(5, 6, 0)
    for targets, line in [
        ({"flu": 3}, "balance: found 'flu', expected one of normal, pneumonia, covid"),
        ({"covid": 3}, "balance: found no row for 'covid', expected one without a rarer target"),
        ({"normal": 0}, "balance: found 0 for 'normal', expected a number of rows above 0"),
    ]:
        with pytest.raises(BadInput) as caught:
            splits.balance(labels, names=NAMES, targets=targets, seed=0)
        assert str(caught.value) == line
