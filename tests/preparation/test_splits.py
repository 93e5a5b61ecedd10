"""Splits: no patient in two, labels alike in each, official sets as published; and the split as a file."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.preparation import splits
from rayling.preparation.readers.class_folders import class_folders

KERMANY = Path(__file__).parents[3] / "shared" / "data" / "chest_xray"
LABELS = ["common", "rare", "unknown"]


def people(seed, *, patients=600, source="a"):
    """1 to 6 images a patient; the label follows the patient, `unknown` is often NaN."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 7, patients)
    patient = np.repeat([f"p{i}" for i in range(patients)], images)
    labels = np.repeat(rng.random((patients, 3)) < [0.4, 0.05, 0.2], images, axis=0).astype(np.float32)
    labels[rng.random(len(labels)) < 0.3, 2] = np.nan
    table = pd.DataFrame({"source": source, "patient": patient, "split": ""})
    return grouped(table.assign(**dict(zip(LABELS, labels.T, strict=True))))


def grouped(table):
    """Every patient is a group, as in a set without duplicates."""
    return table.assign(group=table["source"] + "/" + table["patient"])


def by_group(table, *, dev=0.1, test=0.2, seed=0, labels=LABELS):
    return splits.by_group(table, labels=labels, dev=dev, test=test, seed=seed)


def splits_of_patients(table, split):
    """The number of splits that each (source, patient) is in."""
    return table.assign(split=split).groupby(["source", "patient"])["split"].nunique()


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


LISTED = pd.DataFrame(
    {
        "image": ["a.png", "b, c.png", "d.png", "lateral.png"],
        "split": ["", "test", "", ""],
        "left_out": ["", "", "", "lateral view"],
        "unlabelled": [False, False, True, False],
        "patient": ["1", "2", "3", "3"],
        "source": "x",
        "Edema": [1.0, 0.0, float("nan"), 1.0],
    }
)


def from_csv(path, text):
    path.write_text(text)
    return splits.from_csv(LISTED, path)


def test_the_split_of_the_file_counts_and_the_rest_stays(tmp_path):
    table = from_csv(tmp_path / "s.csv", 'split,who,image\ndev,me,"b, c.png"\nleft out,me,a.png\n')
    assert table["split"].tolist() == ["", "dev", "", ""]
    assert table["left_out"].tolist() == ["by the split file", "", "", "lateral view"]


def test_a_blank_frees_an_official_test_image(tmp_path):
    assert from_csv(tmp_path / "s.csv", 'image,split\n"b, c.png",\n')["split"].tolist() == ["", "", "", ""]


def test_a_file_need_not_list_an_official_test_image_that_its_reader_leaves_out(tmp_path):
    listed = LISTED.assign(split=["", "test", "", "test"])  # as CheXpert's lateral images of valid
    (tmp_path / "s.csv").write_text("image,split\na.png,dev\n")
    table = splits.from_csv(listed, tmp_path / "s.csv")
    assert table["split"].tolist() == ["dev", "test", "", "test"]
    assert table["left_out"].tolist() == LISTED["left_out"].tolist()


def test_the_written_file_can_be_read_back(tmp_path):
    done = LISTED.assign(split=["dev", "test", "train", "left out"])
    splits.write_csv(tmp_path / "split.csv", done, labels=["Edema"])
    table = splits.from_csv(LISTED, tmp_path / "split.csv")
    assert table["split"].tolist() == ["dev", "test", "train", ""]
    assert table["left_out"].tolist() == LISTED["left_out"].tolist()
    again = pd.read_csv(tmp_path / "split.csv")
    assert again.columns.tolist() == ["image", "split", "left_out", "patient", "source", "Edema"]
    pd.testing.assert_series_equal(again["Edema"], LISTED["Edema"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("image,split\na.png,trian\n", "s.csv, row 2: split is 'trian', expected train, dev, test, left out or blank"),
        ("image,split\nz.png,train\n", "s.csv, row 2: image is 'z.png', expected an image of the study"),
        ("image,split\na.png,train\na.png,dev\n", "s.csv, row 3: image is 'a.png', expected each image once"),
        ("image,split\nlateral.png,dev\n", "s.csv: lateral.png is dev, expected left out: lateral view"),
        ("image,split\nd.png,test\n", "s.csv: d.png is test, expected train or left out: its source is unlabelled"),
        ("image,side\na.png,dev\n", "s.csv, row 1: found no column 'split'"),
    ],
)
def test_mistakes_in_the_file_are_named_by_row(tmp_path, text, line):
    with pytest.raises(BadInput) as caught:
        from_csv(tmp_path / "s.csv", text)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
