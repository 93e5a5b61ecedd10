"""`prepare` from its sources to its files: duplicates, the split, balance, hidden labels, contact sheets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.errors import BadInput
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


def test_the_epoch_is_balanced_and_no_image_is_copied(folder):
    write_list(fill(folder))
    run_prepare(balance={"counts": {"Fracture": 50}})
    train = prepared.read("data/prepared.h5", "train")
    assert (train.labels[train.rows, 1] == 1).sum() == 50 and len(train.images) < 40
    assert metrics()["balanced"]["positive"]["Fracture"] == 50
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
        run_prepare(balance={"ratios": {"Edema": 2.0}})
        files = ["metrics/prepare.json", "plots/prepare/train.png", *map(str, Path("data").glob("*.*"))]
        written.append({name: Path(name).read_bytes() for name in files})
    assert len(written[0]) == 7 and written[0] == written[1]
