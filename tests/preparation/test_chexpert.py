"""The reader `chexpert` on its layout, written small."""

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.chexpert import chexpert

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,"
    "Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,"
    "Fracture,Support Devices"
)
TRAIN = f"""{HEADER}
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0
CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,AP,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
CheXpert-v1.0-small/train/patient00002/study1/view2_lateral.jpg,Female,83,Lateral,,,,,1.0,,,-1.0,,,,,,1.0,
"""
VALID = f"""{HEADER}
CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
"""
LABELS = ["Cardiomegaly", "Edema", "Pleural Effusion"]


def read(root, *, train=TRAIN, valid=VALID, labels=LABELS, default="ignore", blank="zeros", **options):
    root.mkdir(exist_ok=True)
    (root / "train.csv").write_bytes(train.encode())
    (root / "valid.csv").write_bytes(valid.encode())
    options = {"uncertain": {"default": default}, "classes": {}} | options
    return chexpert(root, labels=labels, blank=blank, **options)


def frontal(table):
    return table[table["left_out"] == ""]


def refused(read, *args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_frontal_rows_are_read_and_the_official_valid_set_is_test(tmp_path):
    table = read(tmp_path)
    assert list(table.columns) == ["image", "patient", "split", "left_out", "sex", "age", "view", *LABELS]
    assert table["image"].tolist() == [
        "train/patient00001/study1/view1_frontal.jpg",
        "train/patient00002/study2/view1_frontal.jpg",
        "train/patient00002/study1/view2_lateral.jpg",
        "valid/patient64541/study1/view1_frontal.jpg",
    ]
    assert table["patient"].tolist() == ["patient00001", "patient00002", "patient00002", "patient64541"]
    assert table["split"].tolist() == ["", "", "", "test"]
    assert table["left_out"].tolist() == ["", "", "lateral view", ""]
    assert (table[LABELS].dtypes == np.float32).all()
    assert (read(tmp_path, frontal_only=False)["left_out"] == "").all()


def test_sex_age_and_view_are_read_and_0_years_and_odd_projections_are_unknown(tmp_path):
    table = read(tmp_path)
    assert table["sex"].tolist() == ["female", "female", "female", "male"]
    np.testing.assert_array_equal(table["age"], np.float32([68, 87, 83, 73]))
    assert table["view"].tolist() == ["AP", "AP", "", "AP"] and table["age"].dtype == np.float32
    odd = TRAIN.replace("Female,68,Frontal,AP", "Unknown,0,Frontal,LL").replace("Female,87", ",90")
    table = read(tmp_path, train=odd)
    assert table["sex"].tolist()[:2] == ["", ""] and table["view"].tolist()[:2] == ["", "AP"]
    np.testing.assert_array_equal(table["age"][:2], [np.nan, 90])
    table = read(tmp_path, train=TRAIN.replace("Sex,Age,", "Gender,Years,"))  # they need not be there
    assert table["sex"].tolist() == ["", "", "", "male"] and table["age"].isna().tolist() == [True, True, True, False]


def test_columns_may_have_another_name_in_the_study_and_other_labels_are_unknown(tmp_path):
    names = {"Pleural Effusion": "Effusion", "Edema": "Oedema"}
    labels = ["Hernia", "Effusion", "Oedema"]
    table = read(tmp_path, labels=labels, classes=names, uncertain={"default": "ones", "Oedema": "zeros"})
    plain = read(tmp_path / "plain", uncertain={"default": "ones", "Edema": "zeros"})
    assert table["Hernia"].isna().all()
    np.testing.assert_array_equal(table[["Effusion", "Oedema"]], plain[["Pleural Effusion", "Edema"]])


def test_two_columns_may_map_to_one_label_and_one_to_none(tmp_path):
    names = {"Lung Opacity": "Sick", "Fracture": "Sick", "Support Devices": ""}
    table = read(tmp_path, labels=["Sick"], classes=names, blank="ignore")
    np.testing.assert_array_equal(table["Sick"], [np.nan, 1, 1, 1])
    line = refused(read, tmp_path, train=TRAIN.replace("0.0,,,,1.0", "0.0,,,,x"), labels=["Sick"], classes=names)
    assert line.endswith("row 2: Support Devices is 'x', expected 1, 0, -1 or blank")


def test_policies_for_uncertain_and_blank(tmp_path):
    uncertain = {"default": "ignore", "Edema": "ones", "Pleural Effusion": "zeros"}
    table = read(tmp_path, uncertain=uncertain)
    np.testing.assert_array_equal(frontal(table)[LABELS], [[0, 0, 0], [np.nan, 1, 0], [1, 0, 0]])
    table = read(tmp_path, uncertain=uncertain, blank="ignore")
    np.testing.assert_array_equal(frontal(table)[LABELS], [[np.nan] * 3, [np.nan, 1, 0], [1, 0, 0]])


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path):
    plain = read(tmp_path / "plain")
    windows = read(tmp_path / "windows", train="\ufeff" + TRAIN.replace("\n", "\r\n"))
    assert windows.equals(plain)


def test_errors_name_the_file_the_row_and_the_value(tmp_path):
    line = refused(read, tmp_path, train=TRAIN.replace("0.0,,,,1.0", "0.0,2.0,,,1.0"))
    assert line == f"{tmp_path}/train.csv, row 2: Pleural Effusion is '2.0', expected 1, 0, -1 or blank"
    line = refused(read, tmp_path, valid=VALID.replace("Frontal,", "Oblique,"))
    assert line == f"{tmp_path}/valid.csv, row 2: Frontal/Lateral is 'Oblique', expected Frontal or Lateral"
    line = refused(read, tmp_path, train=TRAIN.replace("patient00002/study2", "study2"))
    assert line.startswith(f"{tmp_path}/train.csv, row 3: Path is 'CheXpert-v1.0-small/train/study2/")
    line = refused(read, tmp_path, train=TRAIN + "CheXpert-v1.0-small/x.jpg,Male\n")
    assert line.startswith(f"{tmp_path}/train.csv, row 5: found another number of cells")
    line = refused(read, tmp_path, train=TRAIN + TRAIN.splitlines()[1] + "\n")
    assert line.startswith(f"{tmp_path}/train.csv, row 5: Path is") and line.endswith("expected each image once")


def test_errors_name_the_nearest_column_and_the_policies(tmp_path):
    line = refused(read, tmp_path, labels=["Cardiomegali"])
    assert line == f"{tmp_path}/train.csv, row 1: found no column 'Cardiomegali'; the nearest is 'Cardiomegaly'"
    line = refused(read, tmp_path, train=TRAIN.replace("Frontal/Lateral", "View"))
    assert "train.csv, row 1: found no column 'Frontal/Lateral'" in line
    line = refused(read, tmp_path, default="one")
    assert line == "uncertain: found 'one' for 'Cardiomegaly', expected one of ignore, ones, zeros"
    line = refused(read, tmp_path, uncertain={"default": "ones", "Oedema": "ones"})
    assert line == "uncertain: found 'Oedema', which is no label of the study; the nearest is 'Edema'"
    assert refused(read, tmp_path, blank="ones") == "blank: found 'ones', expected ignore or zeros"


@pytest.mark.parametrize("path", ["/etc/patient1/x.jpg", "set/../../patient1/x.jpg", r"set\..\patient1/patient1/x"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path, path):
    first = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    line = refused(read, tmp_path, train=TRAIN.replace(first, path))
    assert line.startswith(f"{tmp_path}/train.csv, row 2: Path is {path!r}, expected a path that stays below")


def test_files_without_a_frontal_image_are_refused(tmp_path):
    header = TRAIN.splitlines(keepends=True)[0]
    assert "no frontal image in train.csv and valid.csv" in refused(read, tmp_path, train=header, valid=header)
    table = read(tmp_path, train=header)  # one empty file beside a full one is no mistake
    assert len(table) and set(table["split"]) == {"test"}


def test_a_missing_file_is_named(tmp_path):
    absent, settings = tmp_path / "absent", {"uncertain": {"default": "ones"}, "blank": "zeros", "classes": {}}
    line = refused(chexpert, absent, labels=LABELS, **settings)
    assert line.startswith(f"{absent}/train.csv: no such file; expected a CSV with columns Path, ")


@pytest.mark.parametrize("prefix", ["", "CheXpert-v1.0/", "CheXpert-v1.0-small/"])
def test_a_path_may_begin_with_the_folder_of_the_set_or_not(tmp_path, prefix):
    train, valid = (text.replace("CheXpert-v1.0-small/", prefix) for text in (TRAIN, VALID))
    table, usual = read(tmp_path, train=train, valid=valid), read(tmp_path)
    assert table["image"].tolist() == usual["image"].tolist()
    assert table["patient"].tolist() == usual["patient"].tolist()


def test_frontal_or_lateral_is_needed_by_frontal_only_alone(tmp_path):
    train, valid = (text.replace("Frontal/Lateral", "Something") for text in (TRAIN, VALID))
    table = read(tmp_path, train=train, valid=valid, frontal_only=False)
    assert len(table) == 4 and (table["left_out"] == "").all()
    assert "found no column 'Frontal/Lateral'" in refused(read, tmp_path, train=train, valid=valid)
