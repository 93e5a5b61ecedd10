"""`prepare` from its sources to its files: duplicates, the split, balance, hidden labels, contact sheets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.images import reading
from rayling.storage import dumps, prepared
from tests.pipeline.prepare_study import (
    CSV,
    LABELS,
    fill,
    metrics,
    packed_images,
    run_prepare,
    split_table,
    write_list,
    xray,
)

NETWORKS = {"teacher": 48, "assistant": 40, "student": 32}  # and a size of each


def test_copies_are_dropped_near_duplicates_stay_together_and_the_official_test_set_stays_as_published(folder, capsys):
    rows = fill(folder, 60)
    for n, row in enumerate(rows):
        row["split"] = "test" if n < 10 else ""
    Image.fromarray(xray(20)).save(folder / "copy.png")  # of a free image, under another patient, with another label
    Image.fromarray(xray(3)).save(folder / "leak.png")  # of a test image
    brighter = (xray(30) * 0.9 + 20).astype(np.uint8)
    Image.fromarray(brighter).save(folder / "near.png")
    more = [
        ("copy.png", "q1", 1, 0),
        ("copied patient.png", "q1", 0, 0),
        ("leak.png", "q2", 1, 1),
        ("known.png", "p4", 0, 0),
    ]
    more += [("near.png", "q3", 1, 0), ("near patient.png", "q3", 0, 0)]
    for n, (name, *_) in enumerate(more):
        if not (folder / name).exists():
            Image.fromarray(xray(200 + n)).save(folder / name)
    rows += [{"image": i, "patient": p, "Edema": e, "Fracture": f, "split": ""} for i, p, e, f in more]
    write_list(rows)
    run_prepare()

    table = split_table()
    assert table.loc["copy.png", "left_out"] == table.loc["leak.png", "left_out"] == "copy"
    assert table.loc["known.png", "left_out"] == "patient or duplicate is in test"
    assert set(packed_images("test")) == {f"{n}.png" for n in range(10)}
    assert table.loc["copied patient.png", "split"] == table.loc["20.png", "split"]
    assert len(set(table.loc[["30.png", "near.png", "near patient.png"], "split"])) == 1
    assert metrics()["duplicates"] == {"copies": 2, "near": 1, "of_two_patients": 3, "that_disagree": 2}
    pairs = pd.read_csv("data/duplicates.csv", keep_default_na=False).set_index("image")
    assert pairs.loc["copy.png", "disagree"] == "Edema" and pairs.loc["30.png", "other"] == "near.png"
    everyone = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    where = {image: (split, part) for split, part in everyone.items() for image in part.image_id.tolist()}
    _, part = where["20.png"]
    assert np.isnan(part.labels[part.image_id.tolist().index("20.png"), 0])
    printed = capsys.readouterr().out
    assert "1 pairs of near-duplicates" in printed and "3 pairs of duplicates belong to different patients" in printed
    assert "2 pairs of duplicates have different labels" in printed


def test_one_patient_at_two_hospitals_of_one_csv_is_one_patient(folder):
    rows = fill(folder)
    for n, row in enumerate(rows):
        row |= {"source": "ab"[n % 2], "patient": f"p{n // 2}"}
    write_list(rows)
    run_prepare()
    assert (split_table().groupby("patient")["split"].nunique() == 1).all()
    assert metrics()["patients"]["train"]["all"] < 20


def test_sex_age_and_view_reach_the_list_of_images_and_the_prepared_file(folder):
    rows = fill(folder)
    for n, row in enumerate(rows):
        row |= {"sex": ("f", "M", "")[n % 3], "age": ("058Y", "")[n % 2], "view": ("AP Supine", "pa", "LL")[n % 3]}
    write_list(rows)
    run_prepare()
    for split in prepared.SPLITS:
        part = prepared.read("data/prepared.h5", split)
        number = np.array([int(Path(image).stem) for image in part.image_id])
        assert part.sex.tolist() == np.array(["female", "male", ""])[number % 3].tolist()
        assert part.view.tolist() == np.array(["AP", "PA", ""])[number % 3].tolist()
        np.testing.assert_array_equal(part.age, np.where(number % 2, np.nan, 58))
        listed = split_table().loc[part.image_id.tolist(), ["sex", "age", "view"]]
        assert listed["sex"].tolist() == part.sex.tolist() and listed["view"].tolist() == part.view.tolist()
        assert listed["age"].tolist() == ["" if n % 2 else "58.0" for n in number]


def test_the_written_split_can_be_given_back_with_any_shares(folder):
    rows = fill(folder)
    Image.fromarray(xray(5)).save(folder / "copy.png")
    write_list([*rows, {"image": "copy.png", "patient": "q", "Edema": 1, "Fracture": 0}])
    run_prepare()
    first, packed = Path("data/split.csv").read_bytes(), Path("data/prepared.h5").read_bytes()
    Path("data/splits").mkdir()
    Path("data/splits/mine.csv").write_bytes(first)
    run_prepare(dev=0.4, test=0.1)
    assert Path("data/split.csv").read_bytes() != first
    run_prepare(dev=0.4, test=0.1, split_file="mine.csv")
    assert Path("data/split.csv").read_bytes() == first
    assert Path("data/prepared.h5").read_bytes() == packed
    with pytest.raises(BadInput, match=r"data/splits/absent.csv: no such file"):
        run_prepare(split_file="absent.csv")


def test_a_class_of_which_an_epoch_has_a_part_is_printed_with_the_epochs_that_show_all_of_it(folder, capsys):
    write_list(fill(folder))
    run_prepare(balance={"counts": {"Edema": 4}})
    count = metrics()["images"]["train"]["positive"]["Edema"]
    assert metrics()["balanced"]["undersampled"] == {"Edema": {"images": count, "rows": 4}}
    line = f"train images in an epoch: 4 of the {count} with 'Edema' (all in {int(np.ceil(count / 4))} epochs)"
    assert count > 4 and line in capsys.readouterr().out


def test_the_epoch_is_balanced_and_no_image_is_copied(folder):
    write_list(fill(folder))
    run_prepare(balance={"counts": {"Fracture": 50}})
    train = prepared.read("data/prepared.h5", "train")
    fracture = train.labels[:, 1] == 1
    assert np.array_equal(train.stratum, np.where(fracture, 0, 1)) and len(train.images) < 40
    assert train.wanted.tolist() == [50, (~fracture).sum()]
    assert metrics()["balanced"]["positive"]["Fracture"] == 50
    assert metrics()["balanced"]["all"] == 50 + (~fracture).sum()
    dump = dumps.read("data/dumps/labels.h5", names=LABELS, recipe={}, image_id=train.image_id)
    assert dump.empty


def test_labels_of_train_patients_can_be_hidden_and_those_of_dev_and_test_stay(folder):
    write_list(fill(folder))
    run_prepare()
    full = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    whole = {split: np.array(part.labels) for split, part in full.items()}
    run_prepare(labelled_fraction=0.3)
    train = prepared.read("data/prepared.h5", "train")
    hidden = np.isnan(train.labels).all(axis=1)
    assert np.array_equal(train.image_id, full["train"].image_id)  # the images stay
    assert np.array_equal(train.labels[~hidden], whole["train"][~hidden])
    assert np.isnan(train.labels[hidden]).all()
    assert 0.3 * len(hidden) <= (~hidden).sum() <= 0.3 * len(hidden) + 3
    for split in ("dev", "test"):
        assert np.array_equal(prepared.read("data/prepared.h5", split).labels, whole[split])
    assert metrics()["images"]["train"]["unknown"]["Edema"] == hidden.sum()
    listed = split_table().loc[train.image_id[hidden], LABELS]
    assert (listed == "").all(axis=None)


def test_a_label_that_only_one_of_two_sources_has_gives_one_warning(folder, capsys):
    write_list(fill(folder / "a", name="{}.png"), "a/list.csv")
    rows = [row | {"image": f"b{n}.png", "Fracture": 0} for n, row in enumerate(fill(folder / "b", 30, name="b{}.png"))]
    for n in range(30):
        Image.fromarray(xray(500 + n)).save(folder / "b" / f"b{n}.png")
    write_list(rows, "b/list.csv")
    run_prepare(CSV | {"folder": "a"}, CSV | {"folder": "b"})
    assert metrics()["from_one_source"] == {"Fracture": "a"}
    warnings = [line for line in capsys.readouterr().out.splitlines() if "one source only" in line]
    assert len(warnings) == 1 and "warning: labels that are positive in one source only: 'Fracture' (a)" in warnings[0]
    table = metrics()["sources"]
    assert set(table) == {"a", "b"}
    assert sum(table["b"][split]["all"] for split in prepared.SPLITS) == 30


def test_a_network_that_looks_at_another_size_has_pixels_of_its_own_resized_from_the_files(folder):
    write_list(fill(folder, 30))
    run_prepare()
    before = {split: packed_images(split) for split in prepared.SPLITS}
    moments = {prepared.read("data/prepared.h5", "train", f"data/pixels/{name}.h5").mean for name in NETWORKS}
    assert len(moments) == 1 and max(Path(f"data/pixels/{name}.h5").stat().st_size for name in NETWORKS) < 1000
    run_prepare(teacher=48, assistant=40, keep_aspect=True)
    for name, size in NETWORKS.items():
        for split in prepared.SPLITS:
            part = prepared.read("data/prepared.h5", split, f"data/pixels/{name}.h5")
            for image, pixels in zip(part.image_id.tolist(), part.images, strict=True):
                file = reading.grey(folder / image)
                assert np.array_equal(pixels, reading.square(file, size=size, keep_aspect=True))
        train = prepared.read("data/prepared.h5", "train", f"data/pixels/{name}.h5")
        assert train.mean == pytest.approx((train.images / 255).mean())
        assert train.std == pytest.approx((train.images / 255).std())
    for split, images in before.items():
        assert all(np.array_equal(pixels, images[image]) for image, pixels in packed_images(split).items())
    assert Path("data/pixels/student.h5").stat().st_size < 1000 < Path("data/pixels/assistant.h5").stat().st_size


UNLABELLED = {"reader": "class_folders", "folder": "more", "unlabelled": True}


def fill_unlabelled(folder):
    """Thirty films of their own, and copies of and near 3.png and 5.png of the labelled source."""
    for n in range(30):
        Image.fromarray(xray(300 + n)).save(folder / f"u{n}.png")
    for n in (3, 5):
        Image.fromarray(xray(n)).save(folder / f"copy{n}.png")
        Image.fromarray((xray(n) * 0.9 + 20).astype(np.uint8)).save(folder / f"near{n}.png")


def test_films_without_labels_are_in_train_and_leave_the_labelled_ones_as_they_are(folder, capsys):
    rows = fill(folder / "a", 60)
    for n, row in enumerate(rows):
        row["split"] = "test" if n in (3, 7, 8, 9) else "train" if n == 5 else ""
    write_list(rows, "a/list.csv")
    labelled = CSV | {"folder": "a"}
    (folder / "none").mkdir()
    Image.fromarray(xray(999)).save(folder / "none/x.png")
    none = UNLABELLED | {"folder": "none"}  # two sources from the beginning, so that patients have the same names
    run_prepare(labelled, none)
    alone = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    alone = {split: (part.image_id, np.array(part.labels), part.mean) for split, part in alone.items()}

    (folder / "more/test").mkdir(parents=True)
    fill_unlabelled(folder / "more/test")
    run_prepare(labelled, none, UNLABELLED)
    table = split_table()
    assert table.loc[["more/test/copy3.png", "more/test/copy5.png"], "left_out"].tolist() == ["copy", "copy"]
    assert table.loc["more/test/near3.png", "left_out"] == "patient or duplicate is in test"
    assert table.loc["more/test/near5.png", "split"] == "train"
    together = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    for split, part in together.items():
        has_label = ~np.char.startswith(part.image_id, "more/")
        assert np.array_equal(part.image_id[has_label], alone[split][0])
        assert np.array_equal(part.labels[has_label], alone[split][1], equal_nan=True)
        assert np.isnan(part.labels[~has_label]).all() and (~has_label).sum() == (31 if split == "train" else 0)
    train = together["train"]
    assert train.mean == pytest.approx((train.images / 255).mean()) and train.mean != alone["train"][2]
    assert train.wanted.tolist() == [len(train.images)]  # in an epoch once each
    assert metrics()["unlabelled"] == {"more": 31, "none": 1} and metrics()["from_one_source"] == {}
    assert "32 train images are of unlabelled sources: more (31), none (1)" in capsys.readouterr().out

    Path("data/splits").mkdir()
    Path("data/splits/mine.csv").write_bytes(Path("data/split.csv").read_bytes())
    run_prepare(labelled, none, UNLABELLED, split_file="mine.csv")
    assert split_table()["split"].equals(table["split"])
    for split, part in together.items():
        assert np.array_equal(prepared.read("data/prepared.h5", split).image_id, part.image_id)


def test_every_split_has_a_contact_sheet_with_a_row_for_each_label(folder):
    write_list(fill(folder))
    run_prepare()
    heights = set()
    for split in prepared.SPLITS:
        with Image.open(f"plots/prepare/{split}.png") as sheet:
            heights.add(sheet.height)
            assert np.asarray(sheet.convert("L")).std() > 20
    assert heights == {326}  # three rows of 92 pixels: two labels, none of the labels; and the title


def test_the_same_data_gives_the_same_bytes(folder):
    write_list(fill(folder))
    written = []
    for _ in range(2):
        run_prepare(balance={"ratios": {"Edema": 2.0}}, teacher=40)
        files = ["metrics/prepare.json", "plots/prepare/train.png", *map(str, Path("data").glob("*.*"))]
        files += map(str, Path("data").glob("*/*.h5"))
        written.append({name: Path(name).read_bytes() for name in files})
    assert len(written[0]) == 12 and written[0] == written[1]
