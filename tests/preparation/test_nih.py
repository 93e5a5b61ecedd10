"""The reader `nih`: ChestX-ray14's table written small, and the real one counted a second way."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.nih import nih

NIH = Path(__file__).parents[3] / "shared" / "data" / "nih"
LABELS = ["Effusion", "Mass", "Normal"]
CLASSES = {"Effusion": "Effusion", "No Finding": "Normal"}
TABLE = """Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position
00000001_000.png,Cardiomegaly|Effusion,0,1,58,M,PA
00000001_001.png,Effusion,1,1,58,M,PA
00000002_000.png,No Finding,0,2,81,F,AP
00000003_000.png,Hernia,0,3,81,F,PA
"""


def read(root, text=TABLE, *, classes=CLASSES, labels=LABELS, name="Data_Entry_2017.csv", **lists):
    (root / name).write_text(text)
    for stem, images in lists.items():
        (root / f"{stem}.txt").write_text("\n".join(images) + "\n")
    return nih(root, labels=labels, classes=classes)


def refusal(*args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv"])
def test_findings_and_patients_are_read_and_other_labels_are_unknown(tmp_path, name):
    table = read(tmp_path, name=name)
    assert table["patient"].tolist() == ["1", "1", "2", "3"]
    assert (table["split"] == "").all() and (table["left_out"] == "").all()
    expected = [[1, np.nan, 0], [1, np.nan, 0], [0, np.nan, 1], [0, np.nan, 0]]
    np.testing.assert_array_equal(table[LABELS], expected)


@pytest.mark.parametrize("column", ["Patient Gender", "Patient Sex"])
def test_sex_age_and_view_are_read_in_the_words_of_both_tables(tmp_path, column):
    text = TABLE.replace("Patient Gender", column).replace(",1,1,58,", ",1,1,058Y,").replace("2,81,F,AP", "2,414,,AP")
    table = read(tmp_path, text.replace("3,81,F,PA", "3,006M,F,"))
    assert table["sex"].tolist() == ["male", "male", "", "female"]
    np.testing.assert_array_equal(table["age"], [58, 58, np.nan, 0.5])
    assert table["view"].tolist() == ["PA", "PA", "AP", ""]


def test_the_newer_table_is_preferred(tmp_path):
    read(tmp_path)
    assert len(read(tmp_path, TABLE + "00000004_000.png,Mass,0,4,1,M,PA\n", name="Data_Entry_2017_v2020.csv")) == 5


def test_images_are_found_in_the_folders_of_the_official_archives_and_of_kaggle(tmp_path):
    for place in ("images_001/images/00000001_000.png", "images/00000001_001.png", "deep/er/00000002_000.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "images/._00000003_000.png").touch()  # macOS leaves these
    images = read(tmp_path)["image"].tolist()
    assert images[:2] == ["images_001/images/00000001_000.png", "images/00000001_001.png"]
    assert images[2:] == ["deep/er/00000002_000.png", "images/00000003_000.png"]  # missing: found when it is decoded


def test_the_official_test_list_is_honoured(tmp_path):
    train = ["00000001_000.png", "00000001_001.png", "00000003_000.png"]
    other = ["00000002_000.png", "00099999_000.png"]  # of which this part of the set has only the first
    table = read(tmp_path, train_val_list=train, test_list=other)
    assert table["split"].tolist() == ["", "", "test", ""]


def test_a_train_list_alone_and_the_names_in_copies_of_the_set_are_honoured_too(tmp_path):
    train = ["00000001_000.png", "00000001_001.png", "00000003_000.png"]
    assert read(tmp_path, train_val_list=train)["split"].tolist() == ["", "", "test", ""]
    (tmp_path / "train_val_list.txt").unlink()
    assert read(tmp_path, test_list_NIH=["images/00000003_000.png"])["split"].tolist() == ["", "", "", "test"]


def test_a_list_without_any_image_of_the_table_is_refused(tmp_path):
    line = refusal(tmp_path, test_list=["1", "2"])
    assert "test_list.txt: found no image of the table in it, expected one a line, as 00000001_000.png" in line
    (tmp_path / "test_list.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match=r"test_list.txt: found .*expected a list of images in UTF-8"):
        nih(tmp_path, labels=LABELS, classes=CLASSES)


def test_lists_that_contradict_each_other_are_refused_by_image(tmp_path):
    everything = [line.split(",")[0] for line in TABLE.splitlines()[1:]]
    line = refusal(tmp_path, train_val_list=everything, test_list=everything[2:3])
    assert "00000002_000.png is in both, expected in one of the two" in line
    line = refusal(tmp_path, train_val_list=everything[:2], test_list=everything[2:3])
    assert "00000003_000.png is in neither" in line


def test_blanks_around_a_finding_are_ignored_and_an_unknown_finding_is_refused(tmp_path):
    assert read(tmp_path, TABLE.replace("|", " | ")).equals(read(tmp_path))
    line = refusal(tmp_path, TABLE.replace("Cardiomegaly|", "Cardiomegali|"))
    assert "Data_Entry_2017.csv, row 2: Finding Labels is 'Cardiomegali|Effusion', expected names out of Atel" in line


def test_mistakes_are_named_by_row(tmp_path):
    line = refusal(tmp_path, classes={"Efusion": "Effusion"})
    assert line == f"{tmp_path}/Data_Entry_2017.csv: found no image with finding 'Efusion'; the nearest is 'Effusion'"
    line = refusal(tmp_path, TABLE.replace("No Finding", ""))
    assert line == f"{tmp_path}/Data_Entry_2017.csv, row 4: Finding Labels is '', expected a name"
    line = refusal(tmp_path, TABLE.replace("00000003", "../00000003"))
    assert "row 5: Image Index is '../00000003_000.png', expected a path that stays below" in line


@pytest.mark.skipif(not NIH.is_dir(), reason=f"no real data at {NIH}")
def test_the_real_table_against_a_plain_count():
    with (NIH / "Data_Entry_2017.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    count = Counter(name for row in rows for name in row["Finding Labels"].split("|"))
    labels = sorted(set(count) - {"No Finding"})
    table = nih(NIH, labels=labels, classes={})
    assert len(labels) == 14 and len(table) == 1000 and table["patient"].nunique() == 264
    assert dict(table[labels].sum()) == {label: count[label] for label in labels}
    assert (table[labels].sum(axis=1) == 0).sum() == count["No Finding"]
    assert all((NIH / image).is_file() for image in table["image"])
    assert (table[["sex", "view"]] == "").all(axis=None) and table["age"].isna().all()  # blank in this part
