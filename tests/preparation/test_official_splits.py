"""Splits of sets that are published with one: official sets stay, and unlabelled images stay in train."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import splits
from tests.preparation.people import LABELS, by_group, people, splits_of_patients


def test_an_official_test_set_stays_as_published_and_is_the_only_one_of_its_source():
    table = pd.concat([people(0, source="official"), people(1, source="other")], ignore_index=True)
    theirs = (table["source"] == "official") & table["patient"].isin(["p1", "p2"])
    published = theirs & ~table.duplicated(["source", "patient"])  # one image of each
    table.loc[published, "split"] = "test"
    split = by_group(table)
    official = table["source"] == "official"
    assert theirs.sum() > 2 and ((split == "test") == published)[official].all()
    assert ((split == splits.LEFT_OUT) == theirs & ~published).all()  # neither more test images, nor known patients
    assert (split[official] == "dev").any() and (split[~official] == "test").any()
    # p1 of the other source is another person, who may be in another split.
    kept = split != splits.LEFT_OUT
    assert (splits_of_patients(table[kept], split[kept]) == 1).all()


def test_a_patient_in_official_train_and_dev_is_kept_in_dev_alone():
    table = people(0)
    table["split"] = np.where(table["patient"].isin(["p1", "p2", "p3"]), "dev", "train")
    both = table.index[table["patient"] == "p3"]
    assert len(both) > 1
    table.loc[both[0], "split"] = "train"
    split = by_group(table)
    assert split[both[0]] == splits.LEFT_OUT and (split[both[1:]] == "dev").all()
    assert (split.drop(both[0]) == table["split"].drop(both[0])).all()


def test_a_set_with_official_dev_and_test_gives_no_others_to_them():
    table = people(0)
    table.loc[table["patient"] == "p1", "split"] = "dev"
    table.loc[table["patient"] == "p2", "split"] = "test"
    split = by_group(table)
    assert set(table["patient"][split == "dev"]) == {"p1"} and set(table["patient"][split == "test"]) == {"p2"}


def test_a_set_that_is_all_train_and_test_gives_dev_from_train():
    table = people(0)
    table["split"] = np.where(table["patient"].isin([f"p{n}" for n in range(100)]), "test", "train")
    split = by_group(table, dev=0.2)
    assert ((split == "test") == (table["split"] == "test")).all()
    assert split[split != "test"].groupby(table["group"]).first().value_counts()["dev"] == pytest.approx(100, abs=5)


def test_official_train_patients_stay_in_train():
    table = people(0)
    fixed = table["patient"].isin([f"p{i}" for i in range(300)])
    split = by_group(table.assign(split=np.where(fixed, "train", "")), dev=0.3, test=0.3)
    assert (split[fixed] == "train").all() and set(split[~fixed]) == {"train", "dev", "test"}


def with_unlabelled(table):
    """The table, and unlabelled images: of patients of their own, and one each of its groups."""
    own = pd.DataFrame({"group": [f"u{n}" for n in range(500)]})
    same = table.drop_duplicates("group")[["group"]]
    more = pd.concat([own, same]).assign(source="u", split="train", unlabelled=True, **dict.fromkeys(LABELS, np.nan))
    both = pd.concat([table.assign(unlabelled=False), more], ignore_index=True)
    return both.assign(left_out="", digest=range(len(both)))


def test_unlabelled_images_change_no_split_and_are_in_train_unless_their_group_is_elsewhere():
    table = people(0)
    table.loc[table["patient"] == "p1", "split"] = "test"
    settings = SimpleNamespace(labels=LABELS, dev=0.1, test=0.2)
    done = splits.assign(with_unlabelled(table), settings, seed=0)
    labelled, unlabelled = done[~done["unlabelled"]], done[done["unlabelled"]]
    assert labelled["split"].equals(by_group(table))
    of_group = unlabelled["group"].map(labelled.groupby("group")["split"].first()).fillna("train")
    assert set(of_group) == {"train", "dev", "test"}
    assert ((unlabelled["split"] == "train") == (of_group == "train")).all()
    reason = unlabelled["left_out"].str.removeprefix("patient or duplicate is in ")
    assert reason.equals(of_group.replace("train", "").rename("left_out"))


def test_official_splits_that_share_every_patient_are_refused_by_that_reason():
    table = people(0, patients=30).assign(left_out="", unlabelled=False, digest=lambda t: t.index.astype(str))
    table = table[table.groupby("patient")["split"].transform("size") > 1].reset_index(drop=True)
    table["split"] = np.where(table.duplicated("patient"), "train", "test")
    data = SimpleNamespace(labels=LABELS, dev=0.1, test=0.2)
    with pytest.raises(BadInput) as caught:
        splits.assign(table, data, seed=0)
    train = table.duplicated("patient").sum()
    assert f"{train} others are left out, as their patient or duplicate is in dev or test" in str(caught.value)
    assert str(caught.value).startswith("train: found none of ")
