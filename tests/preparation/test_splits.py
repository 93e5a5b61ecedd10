"""Splits: no patient in two, labels alike in each."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import splits
from rayling.preparation.readers.class_folders import class_folders
from tests.preparation.people import LABELS, by_group, grouped, people, splits_of_patients

KERMANY = Path(__file__).parents[3] / "shared" / "data" / "chest_xray"


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_in_two_splits_and_shares_hold(seed):
    table = people(seed)
    split = by_group(table, seed=seed)
    assert (splits_of_patients(table, split) == 1).all()
    patients = table.assign(split=split).drop_duplicates("patient")["split"].value_counts(normalize=True)
    # Not exact: the labels come first, and their patients overlap.
    assert patients["dev"] == pytest.approx(0.1, abs=0.02) and patients["test"] == pytest.approx(0.2, abs=0.02)
    assert split.value_counts(normalize=True)["test"] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_label_shares_are_alike_in_every_split(seed):
    table = people(seed)
    table["split"] = by_group(table, seed=seed)
    ill = (table[LABELS] == 1).groupby([table["split"], table["patient"]]).any().groupby("split").sum()
    for split, share in {"train": 0.7, "dev": 0.1, "test": 0.2}.items():
        assert (ill.loc[split] - share * ill.sum()).abs().max() <= 1


def test_groups_with_the_rarest_label_are_assigned_first():
    """Twenty labels of four patients each give none to dev; the patients that follow make up for it."""
    labels = [f"rare{i}" for i in range(20)] + ["common"]
    has = np.vstack([np.repeat(np.eye(20), 4, axis=0), np.zeros((20, 20))])
    table = pd.DataFrame(np.column_stack([has, np.ones(100)]), columns=labels)
    table = grouped(table.assign(source="a", patient=[str(i) for i in range(100)], split=""))
    for seed in range(20):
        assert (by_group(table, seed=seed, labels=labels) == "dev").sum() == 10


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_rows():
    table = people(0)
    split = by_group(table, seed=3)
    shuffled = table.sample(frac=1, random_state=0)
    assert by_group(shuffled, seed=3).sort_index().equals(split)
    assert not by_group(table, seed=4).equals(split)


def test_patients_who_share_an_image_are_in_one_split_even_across_sources():
    table = pd.concat([people(0, source="a"), people(1, source="b")], ignore_index=True)
    number = table["patient"].str[1:].astype(int)
    table["group"] = (number // 3).astype(str)  # three patients of each source
    split = by_group(table)
    assert (split.groupby(table["group"]).nunique() == 1).all() and split.nunique() == 3
    table.loc[(table["source"] == "b") & (number == 4), "split"] = "test"
    split = by_group(table)
    theirs = table["group"] == "1"
    assert (split[theirs & (table["split"] == "")] == splits.LEFT_OUT).all()
    assert (split[table["split"] == "test"] == "test").all()


def test_sources_too_small_for_shares_are_split_together():
    table = pd.concat([people(n, source=f"s{n}", patients=4) for n in range(30)], ignore_index=True)
    split = by_group(table)
    patients = split.groupby(table["group"]).first().value_counts()
    assert patients["dev"] == pytest.approx(12, abs=2) and patients["test"] == pytest.approx(24, abs=3)
    large = pd.concat([table, people(99, source="large")], ignore_index=True)  # has shares of its own
    of_large = by_group(large)[large["source"] == "large"].groupby(large["group"]).first().value_counts()
    assert of_large["dev"] == pytest.approx(60, abs=6)


def test_a_share_of_zero_assigns_no_patient():
    split = by_group(people(0), dev=0, test=0.3)
    assert set(split) == {"train", "test"}


@pytest.mark.parametrize(("dev", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.1, float("nan"))])
def test_shares_that_leave_no_train_are_refused(dev, test):
    with pytest.raises(BadInput, match=f"dev, test: found shares {dev} and {test}, expected"):
        by_group(people(0), dev=dev, test=test)


def test_a_split_without_images_and_a_label_without_positives_or_negatives_are_refused_by_name():
    table = pd.DataFrame({"split": ["train", "dev", "test"], "Edema": [1.0, 0.0, 1.0], "Fracture": [0.0, 1.0, 1.0]})
    table = pd.concat([table, pd.DataFrame({"split": ["train"], "Edema": [0.0], "Fracture": [0.0]})])
    data = SimpleNamespace(labels=["Edema"], dev=0.1, test=0.2)
    table["left_out"] = ""
    splits.refuse_empty(table, data)
    with pytest.raises(BadInput, match="dev: found none of 3 images"):
        splits.refuse_empty(table[table["split"] != "dev"], data)
    with pytest.raises(BadInput, match="found no train image without 'Edema'"):
        splits.refuse_empty(table.assign(Edema=[1.0, 0.0, 1.0, np.nan]), data)
    with pytest.raises(BadInput, match="found no train image with 'Fracture'"):
        splits.refuse_empty(table, SimpleNamespace(**vars(data) | {"labels": ["Edema", "Fracture"]}))


@pytest.mark.skipif(not KERMANY.is_dir(), reason=f"no real X-rays at {KERMANY}")
def test_real_patients_are_not_shared():
    classes = {"NORMAL": "Normal", "PNEUMONIA": "Pneumonia"}
    table = grouped(class_folders(KERMANY, labels=list(classes.values()), classes=classes).assign(source="k"))
    split = by_group(table, labels=list(classes.values()))
    assert (splits_of_patients(table, split) == 1).all()
    shares = table["Normal"].groupby(split).mean()
    assert len(shares) == 3 and shares.max() - shares.min() < 0.05
