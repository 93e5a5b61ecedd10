"""The reader `plain_csv`: one column per label or one column of names, under any header."""

import csv
from pathlib import Path

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.plain_csv import plain_csv

HANNOVER = Path(__file__).parents[3] / "shared" / "data" / "hannover"
LABELS = ["Edema", "Fracture"]
COLUMNS = """image,Edema,Fracture,patient,split,source
a/1.png,1,0,p1,train,north
a/2.png,0.0,,p1,train,north
b/3.dcm,TRUE,false,p2,val,south
"c, d/4.png",0,1,,test,
5.jpg,nan,1,p3,,south
"""
NAMES = """file;name
1.png;Edema|Fracture
2.png;Fracture
3.png;Normal
4.png;
""".replace(";", ",")
NAMED = {"columns": {"image": "file", "label": "name"}, "classes": {n: n for n in LABELS} | {"Normal": ""}}


def read(root, text=COLUMNS, *, labels=LABELS, classes=None, columns=None, encoding="utf-8"):
    (root / "labels.csv").write_text(text, encoding=encoding, newline="")
    return plain_csv(root, labels=labels, classes=classes or {}, file="labels.csv", columns=columns or {})


def refusal(*args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{args[0]}/", "")


def test_one_column_per_label(tmp_path):
    table = read(tmp_path)
    assert table["image"].tolist() == ["a/1.png", "a/2.png", "b/3.dcm", "c, d/4.png", "5.jpg"]
    np.testing.assert_array_equal(table[LABELS], [[1, 0], [0, np.nan], [1, 0], [0, 1], [np.nan, 1]])
    assert table[LABELS].dtypes.tolist() == [np.float32] * 2
    assert table["patient"].tolist() == ["p1", "p1", "p2", "c, d/4.png", "p3"]  # not named: one of its own
    assert table["split"].tolist() == ["train", "train", "dev", "test", ""]
    assert table["source"].tolist() == ["north", "north", "south", "", "south"]


def test_one_column_of_names(tmp_path):
    table = read(tmp_path, NAMES, **NAMED)
    np.testing.assert_array_equal(table[LABELS], [[1, 1], [0, 1], [0, 0], [np.nan, np.nan]])
    assert "source" not in table and (table["split"] == "").all() and table["patient"].is_unique


def test_sex_age_and_view_may_have_any_name_and_what_is_not_understood_is_unknown(tmp_path):
    text = """image,Edema,Fracture,Geschlecht,AGE,projection
1.png,1,0,f,44,ap
2.png,1,0,M,,pa
3.png,1,0,divers,-3,ll
"""
    table = read(tmp_path, text, columns={"sex": "Geschlecht", "view": "projection"})
    assert table["sex"].tolist() == ["female", "male", ""] and table["view"].tolist() == ["AP", "PA", ""]
    np.testing.assert_array_equal(table["age"], [44, np.nan, np.nan])
    assert refusal(tmp_path, text, columns={"sex": "gender"}).startswith("labels.csv, row 1: found no column 'gender'")


@pytest.mark.skipif(not HANNOVER.is_dir(), reason=f"no real data at {HANNOVER}")
def test_hannover_by_its_own_columns():
    columns = {"image": "image_id", "patient": "patient_id", "view": "projection"}
    table = plain_csv(HANNOVER, labels=["CR"], classes={"CR": "CR", "DX": ""}, file="data.csv",
                      columns=columns | {"label": "modality"})  # fmt: skip
    with (HANNOVER / "data.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert table["sex"].tolist() == [{"f": "female", "m": "male"}[row["sex"]] for row in rows]
    assert table["view"].tolist() == [row["projection"].upper() for row in rows] and table["age"].isna().all()


def test_all_images_may_have_one_label_and_lie_elsewhere(tmp_path):
    text = "id,patient\nx1,p\nx2,q\n"
    (tmp_path / "list.csv").write_text(text)
    about = {"labels": LABELS, "classes": {}, "file": "list.csv", "columns": {"image": "id"}}
    table = plain_csv(tmp_path, **about, path="films/{}.jpeg", all_are="Fracture")
    assert table["image"].tolist() == ["films/x1.jpeg", "films/x2.jpeg"] and table["patient"].tolist() == ["p", "q"]
    np.testing.assert_array_equal(table[LABELS], [[np.nan, 1], [np.nan, 1]])
    (tmp_path / "list.csv").write_text(text + ",r\n")
    with pytest.raises(BadInput, match=r"row 4: id is '', expected a path"):
        plain_csv(tmp_path, **about, path="films/{}.jpeg", all_are="Fracture")


def test_a_label_without_a_class_is_unknown_and_two_classes_may_map_to_one(tmp_path):
    table = read(tmp_path, NAMES, columns=NAMED["columns"], classes={"Edema": "Any", "Fracture": "Any", "Normal": ""},
                 labels=["Any", "Hernia"])  # fmt: skip
    np.testing.assert_array_equal(table[["Any", "Hernia"]], [[1, np.nan], [1, np.nan], [0, np.nan], [np.nan, np.nan]])
    table = read(tmp_path, classes={"Edema": "Any", "Fracture": "Any"}, labels=["Any", "Hernia"])
    np.testing.assert_array_equal(table["Any"], [1, 0, 1, 1, 1])
    assert table["Hernia"].isna().all()


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    plain = read(tmp_path)
    assert read(tmp_path, COLUMNS.replace("\n", "\r\n"), encoding="utf-8-sig").equals(plain)
    assert read(tmp_path, COLUMNS.replace("image,", " Image ,").replace("Edema,", "edema,")).equals(plain)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("a/1.png,1", "a/1.png,2", "row 2: Edema is '2', expected 1, 0 or blank (unknown)"),
        ("a/1.png,1", "a/1.png,-1", "row 2: Edema is '-1', expected 1, 0 or blank"),
        (",val,", ",valdation,", "row 4: split is 'valdation', expected train, dev, test or blank"),
        ("a/2.png", "a/1.png", "row 3: image is 'a/1.png', expected each image once"),
        ("a/2.png", "a/../../2.png", "row 3: image is 'a/../../2.png', expected a path that stays below the root"),
        ("a/2.png", "/etc/passwd", "row 3: image is '/etc/passwd', expected a path that stays below the root"),
        ("a/2.png", "", "row 3: image is '', expected a path"),
        ("Fracture,", "Fractur,", "row 1: found no column 'Fracture'; the nearest is 'Fractur'"),
        ("5.jpg,nan,1,p3,,south", "5.jpg,nan", "row 6: found another number of cells than the header has"),
        (COLUMNS, "", "row 1: found no column 'image'; the file has no header"),
        (COLUMNS, "image;Edema\n", "row 1: found no column 'image'; cells seem to be separated by ';', expected ','"),
    ],
)
def test_mistakes_are_named_by_row(tmp_path, old, new, line):
    assert f"labels.csv, {line}" in refusal(tmp_path, COLUMNS.replace(old, new))


def test_case_is_ignored_in_headers_and_two_columns_of_one_name_are_refused(tmp_path):
    upper = read(tmp_path, COLUMNS.replace("source", "Source").replace("patient", "Patient"))
    assert upper.equals(read(tmp_path))
    assert read(tmp_path, NAMES.replace("name", "Name"), **NAMED).equals(read(tmp_path, NAMES, **NAMED))
    line = refusal(tmp_path, COLUMNS.replace("source", "edema"))
    assert line == "labels.csv, row 1: found columns 'Edema' and 'edema', expected one of them"


def test_an_unknown_name_and_a_missing_column_are_refused(tmp_path):
    line = refusal(tmp_path, NAMES.replace("Normal", "Norml"), **NAMED)
    assert line == "labels.csv, row 4: name is 'Norml', expected names out of Edema, Fracture, Normal, joined by |"
    line = refusal(tmp_path, columns={"patient": "PatientID"})
    assert line == "labels.csv, row 1: found no column 'PatientID'; the nearest is 'patient'"
    with pytest.raises(BadInput, match="no such file"):
        plain_csv(tmp_path, labels=LABELS, classes={}, file="absent.csv", columns={})
