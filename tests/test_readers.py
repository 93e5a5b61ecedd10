"""Readers: each real layout, written small, and the real data counted a second way."""

import csv
import os
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from distill import readers
from distill.errors import BadInput

DATA = Path(__file__).parents[2] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}")

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


def chexpert(root, *, train=TRAIN, valid=VALID, labels=LABELS, default="ignore", blank="zeros", **options):
    root.mkdir(exist_ok=True)
    (root / "train.csv").write_bytes(train.encode())
    (root / "valid.csv").write_bytes(valid.encode())
    options = {"uncertain": {"default": default}, "classes": {}} | options
    return readers.chexpert(root, labels=labels, blank=blank, **options)


def frontal(table):
    return table[table["left_out"] == ""]


def refused(read, *args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_chexpert_reads_frontal_rows_and_splits_off_the_official_valid_set(tmp_path):
    table = chexpert(tmp_path)
    assert list(table.columns) == ["image", "patient", "split", "left_out", *LABELS]
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
    assert (chexpert(tmp_path, frontal_only=False)["left_out"] == "").all()


def test_chexpert_columns_may_have_another_name_in_the_study_and_others_stay_unknown(tmp_path):
    names = {"Pleural Effusion": "Effusion", "Edema": "Oedema"}
    labels = ["Hernia", "Effusion", "Oedema"]
    table = chexpert(tmp_path, labels=labels, classes=names, uncertain={"default": "ones", "Oedema": "zeros"})
    plain = chexpert(tmp_path / "plain", uncertain={"default": "ones", "Edema": "zeros"})
    assert table["Hernia"].isna().all()
    np.testing.assert_array_equal(table[["Effusion", "Oedema"]], plain[["Pleural Effusion", "Edema"]])


def test_two_columns_may_mean_one_label_and_one_none(tmp_path):
    names = {"Lung Opacity": "Sick", "Fracture": "Sick", "Support Devices": ""}
    table = chexpert(tmp_path, labels=["Sick"], classes=names, blank="ignore")
    np.testing.assert_array_equal(table["Sick"], [np.nan, 1, 1, 1])
    line = refused(chexpert, tmp_path, train=TRAIN.replace("0.0,,,,1.0", "0.0,,,,x"), labels=["Sick"], classes=names)
    assert line.endswith("row 2: Support Devices is 'x', expected 1, 0, -1 or blank")


def test_chexpert_policies_for_uncertain_and_blank(tmp_path):
    uncertain = {"default": "ignore", "Edema": "ones", "Pleural Effusion": "zeros"}
    table = chexpert(tmp_path, uncertain=uncertain)
    np.testing.assert_array_equal(frontal(table)[LABELS], [[0, 0, 0], [np.nan, 1, 0], [1, 0, 0]])
    table = chexpert(tmp_path, uncertain=uncertain, blank="ignore")
    np.testing.assert_array_equal(frontal(table)[LABELS], [[np.nan] * 3, [np.nan, 1, 0], [1, 0, 0]])


def test_chexpert_takes_a_bom_and_windows_line_ends(tmp_path):
    plain = chexpert(tmp_path / "plain")
    windows = chexpert(tmp_path / "windows", train="\ufeff" + TRAIN.replace("\n", "\r\n"))
    assert windows.equals(plain)


def test_chexpert_names_the_file_the_row_and_the_value(tmp_path):
    line = refused(chexpert, tmp_path, train=TRAIN.replace("0.0,,,,1.0", "0.0,2.0,,,1.0"))
    assert line == f"{tmp_path}/train.csv, row 2: Pleural Effusion is '2.0', expected 1, 0, -1 or blank"
    line = refused(chexpert, tmp_path, valid=VALID.replace("Frontal,", "Oblique,"))
    assert line == f"{tmp_path}/valid.csv, row 2: Frontal/Lateral is 'Oblique', expected Frontal or Lateral"
    line = refused(chexpert, tmp_path, train=TRAIN.replace("patient00002/study2", "study2"))
    assert line.startswith(f"{tmp_path}/train.csv, row 3: Path is 'CheXpert-v1.0-small/train/study2/")
    line = refused(chexpert, tmp_path, train=TRAIN + "CheXpert-v1.0-small/x.jpg,Male\n")
    assert line.startswith(f"{tmp_path}/train.csv, row 5: found another number of cells")
    line = refused(chexpert, tmp_path, train=TRAIN + TRAIN.splitlines()[1] + "\n")
    assert line.startswith(f"{tmp_path}/train.csv, row 5: Path is") and line.endswith("expected each image once")


def test_chexpert_names_the_nearest_column_and_policy(tmp_path):
    line = refused(chexpert, tmp_path, labels=["Cardiomegali"])
    assert line == f"{tmp_path}/train.csv, row 1: found no column 'Cardiomegali'; the nearest is 'Cardiomegaly'"
    line = refused(chexpert, tmp_path, train=TRAIN.replace("Frontal/Lateral", "View"))
    assert "train.csv, row 1: found no column 'Frontal/Lateral'" in line
    line = refused(chexpert, tmp_path, default="one")
    assert line == "uncertain: found 'one' for 'Cardiomegaly', expected one of ignore, ones, zeros"
    line = refused(chexpert, tmp_path, uncertain={"default": "ones", "Oedema": "ones"})
    assert line == "uncertain: found 'Oedema', which is no label of the study; the nearest is 'Edema'"
    assert refused(chexpert, tmp_path, blank="ones") == "blank: found 'ones', expected ignore or zeros"


@pytest.mark.parametrize("path", ["/etc/patient1/x.jpg", "set/../../patient1/x.jpg", r"set\..\patient1/patient1/x"])
def test_chexpert_refuses_a_path_that_leaves_the_root(tmp_path, path):
    first = "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg"
    line = refused(chexpert, tmp_path, train=TRAIN.replace(first, path))
    assert line.startswith(f"{tmp_path}/train.csv, row 2: Path is {path!r}, expected a path that stays below")


def test_chexpert_without_an_image_of_the_wanted_side_says_so(tmp_path):
    header = TRAIN.splitlines(keepends=True)[0]
    assert "no frontal image in train.csv and valid.csv" in refused(chexpert, tmp_path, train=header, valid=header)
    table = chexpert(tmp_path, train=header)  # one empty file beside a full one is no mistake
    assert len(table) and set(table["split"]) == {"test"}


def test_a_missing_root_or_file_is_named(tmp_path):
    absent = tmp_path / "absent"
    settings = {"uncertain": {"default": "ones"}, "blank": "zeros", "classes": {}}
    line = refused(readers.chexpert, absent, labels=LABELS, **settings)
    assert line.startswith(f"{absent}/train.csv: no such file; expected a CSV with columns Path, ")
    line = refused(readers.class_folders, absent, labels=["Normal"], classes={"NORMAL": "Normal"})
    assert line == f"{absent}: no such folder; expected class folders in it: NORMAL"
    line = refused(readers.covid_chestxray, absent, labels=["Normal"], classes={"No Finding": "Normal"}, exclusive=True)
    assert line.startswith(f"{absent}/metadata.csv: no such file; expected a CSV with columns patientid, ")
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00")
    line = refused(
        readers.covid_chestxray, tmp_path, labels=["Normal"], classes={"No Finding": "Normal"}, exclusive=True
    )
    assert line.startswith(f"{tmp_path}/metadata.csv: found ") and line.endswith(
        "expected a CSV in UTF-8 (as Excel's 'CSV UTF-8')"
    )


KERMANY = {
    "train/NORMAL/IM-0383-0001.jpeg": ("IM-0383", "", "Normal"),
    "train/NORMAL/IM-0640-0001-0002.jpeg": ("IM-0640", "", "Normal"),
    "train/NORMAL/NORMAL2-IM-0383-0001.jpeg": ("NORMAL2-IM-0383", "", "Normal"),
    "train/PNEUMONIA/person1000_bacteria_2931.jpeg": ("person1000", "", "Pneumonia"),
    "train/PNEUMONIA/person1000_virus_1681.jpeg": ("person1000", "", "Pneumonia"),
    "val/PNEUMONIA/person447_virus_921_1.jpeg": ("person447", "", "Pneumonia"),
    "test/NORMAL/scan.PNG": ("test/NORMAL/scan.PNG", "test", "Normal"),
    "test/PNEUMONIA/BACTERIA-7422-0001.jpeg": ("7422", "test", "Pneumonia"),
    "test/PNEUMONIA/person1000_bacteria_1.jpeg": ("person1000", "test", "Pneumonia"),
}


def test_class_folders_reads_patient_split_and_class(tmp_path):
    touch(tmp_path, *KERMANY, "train/NORMAL/._IM-0383-0001.jpeg", "train/NORMAL/.DS_Store", "train/OTHER/a.png")
    labels = ["Pneumonia", "COVID-19", "Normal"]
    table = readers.class_folders(tmp_path, labels=labels, classes={"PNEUMONIA": "Pneumonia", "NORMAL": "Normal"})
    assert table["image"].tolist() == sorted(KERMANY)
    found = zip(table["patient"], table["split"], table[labels].idxmax(axis=1), strict=True)
    assert dict(zip(table["image"], found, strict=True)) == KERMANY
    assert (table[labels].sum(axis=1) == 1).all() and (table[labels].dtypes == np.float32).all()


def test_class_folders_tells_bacteria_from_virus(tmp_path):
    touch(tmp_path, *KERMANY)
    classes = {"PNEUMONIA/virus": "Virus", "PNEUMONIA": "Pneumonia"}
    table = readers.class_folders(tmp_path, labels=["Virus", "Pneumonia"], classes=classes)
    assert table["Virus"].tolist() == ["virus" in name for name in table["image"]]
    classes = {"PNEUMONIA/bacteria": "Bacteria"}
    table = readers.class_folders(tmp_path, labels=["Bacteria"], classes=classes)
    assert all("bacteria" in name.lower() for name in table["image"]) and len(table) == 3


def test_a_name_that_says_no_patient_is_a_patient_of_its_own_in_every_folder(tmp_path):
    touch(tmp_path, *(f"{split}/{name}/0001.png" for split in ("train", "test") for name in ("healthy", "ill")))
    table = readers.class_folders(tmp_path, labels=["Ill", "Well"], classes={"healthy": "Well", "ill": "Ill"})
    assert table["patient"].nunique() == len(table) == 4


def test_class_folders_take_dicom_without_a_suffix_and_show_what_they_cannot_read(tmp_path):
    touch(tmp_path, "ill/a.bmp", "ill/notes.txt", "ill/README", "ill/deeper/b.png")
    (tmp_path / "ill" / "1.2.840.113619.2").write_bytes(bytes(128) + b"DICM")
    os.mkfifo(tmp_path / "ill" / "pipe")
    table = readers.class_folders(tmp_path, labels=["Ill"], classes={"ill": "Ill"})
    assert table["image"].tolist() == ["ill/1.2.840.113619.2", "ill/a.bmp"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
def test_a_file_name_that_is_not_utf8_is_told_in_one_line(tmp_path):
    (tmp_path / "ill").mkdir()
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/ill/\xff.png"))).touch()
    line = refused(readers.class_folders, tmp_path, labels=["Ill"], classes={"ill": "Ill"})
    assert "found a file named 'ill/\\udcff.png', expected names in UTF-8" in line


def test_class_folders_without_splits_and_with_mistakes(tmp_path):
    touch(tmp_path, "healthy/a.jpg", "ill/b.jpg", "empty/readme.txt")
    classes = {"healthy": "Normal", "ill": "Ill"}
    table = readers.class_folders(tmp_path, labels=["Ill", "Normal"], classes=classes)
    assert table[["image", "patient", "split"]].values.tolist() == [
        ["healthy/a.jpg", "healthy/a.jpg", ""],
        ["ill/b.jpg", "ill/b.jpg", ""],
    ]
    line = refused(readers.class_folders, tmp_path, labels=["Normal"], classes={"helthy": "Normal"})
    assert line == f"{tmp_path}: found no image of class 'helthy'; the nearest is 'healthy'"
    line = refused(readers.class_folders, tmp_path, labels=["Normal"], classes={"empty": "Normal"})
    assert line == f"{tmp_path}: found no image of class 'empty'; expected at least one"
    line = refused(readers.class_folders, tmp_path, labels=["Normal"], classes={"healthy": "normal"})
    assert line == "classes: 'healthy' is 'normal', which is no label of the study; the nearest is 'Normal'"


NEW = """patientid,offset,finding,view,modality,date,folder,filename
2,0,Pneumonia/Viral/COVID-19,PA,X-ray,2020,images,a.jpg
3,0,Pneumonia/Viral/COVID-19,L,X-ray,2020,images,lateral.jpg
3,0,Pneumonia/Viral/COVID-19,Axial,CT,2020,volumes,ct.nii.gz
4,0,Pneumonia/Bacterial/Streptococcus,AP,X-ray,"January 3, 2020",images,b.png
5,0,No Finding,AP Supine,X-ray,2020,more,c.jpg
6,0,Tuberculosis,PA,X-ray,2020,images,d.jpg
"""
OLD = """Patientid,finding,View,Modality,Folder,Filename
2,COVID-19,PA,X-ray,images,a.jpg
3,COVID-19,Lateral,X-ray,images,lateral.jpg
4,"Pneumonia, Streptococcus",AP,X-ray,images,b.png
5,No Finding,AP Supine,X-ray,more,c.jpg
"""
COVID_LABELS = ["Normal", "Pneumonia", "COVID-19"]
CLASSES = {"COVID-19": "COVID-19", "Pneumonia": "Pneumonia", "No Finding": "Normal"}


def covid(root, text, *, classes=CLASSES, exclusive=True):
    (root / "metadata.csv").write_text(text)
    return frontal(readers.covid_chestxray(root, labels=COVID_LABELS, classes=classes, exclusive=exclusive))


@pytest.mark.parametrize("drift", ["patientid", "patient id", "PatientId", "patient_id"])
def test_covid_reads_findings_and_headers_of_every_version(tmp_path, drift):
    table = covid(tmp_path, NEW.replace("patientid", drift))
    assert table["image"].tolist() == ["images/a.jpg", "images/b.png", "more/c.jpg"]
    assert table["patient"].tolist() == ["2", "4", "5"] and (table["split"] == "").all()
    assert table[COVID_LABELS].idxmax(axis=1).tolist() == ["COVID-19", "Pneumonia", "Normal"]
    assert (table[COVID_LABELS].sum(axis=1) == 1).all()
    assert covid(tmp_path, OLD.replace("finding", "findings")).equals(table)
    everything = readers.covid_chestxray(tmp_path, labels=COVID_LABELS, classes=CLASSES, exclusive=True)
    assert everything.set_index("image")["left_out"].loc["images/lateral.jpg"] == "lateral view"
    without = covid(tmp_path, OLD.replace(",Folder", "").replace(",images", "").replace(",more", ""))
    assert without["image"].tolist() == ["images/a.jpg", "images/b.png", "images/c.jpg"]


def test_covid_takes_the_last_part_that_maps(tmp_path):
    table = covid(tmp_path, OLD + '7,"COVID-19, ARDS",PA,X-ray,images,e.jpg\n', classes=CLASSES | {"ARDS": "Pneumonia"})
    assert table["Pneumonia"].tolist() == [0, 1, 0, 1]


def test_covid_gives_all_parts_that_map_where_labels_do_not_exclude_one_another(tmp_path):
    table = covid(tmp_path, NEW, exclusive=False)
    np.testing.assert_array_equal(table[COVID_LABELS], [[0, 1, 1], [0, 1, 0], [1, 0, 0]])


def test_covid_knows_the_first_versions_which_had_ct_among_the_views(tmp_path):
    first = (
        OLD.replace(",Modality", "").replace(",X-ray", "")
        + "9,COVID-19,CT,images,ct.jpg\n9,COVID-19,Axial,images,x.jpg\n"
    )
    assert covid(tmp_path, first).equals(covid(tmp_path / "", OLD))
    (tmp_path / "metadata.csv").write_text(first)
    everything = readers.covid_chestxray(tmp_path, labels=COVID_LABELS, classes=CLASSES, exclusive=True)
    assert (everything["left_out"] == "CT").sum() == 2


def test_covid_merges_patients_who_share_a_file(tmp_path):
    twice = OLD + "9,COVID-19,PA,X-ray,images,a.jpg\n9,COVID-19,AP,X-ray,images,f.jpg\n"
    table = covid(tmp_path, twice)
    assert table.set_index("image")["patient"].loc[["images/a.jpg", "images/f.jpg"]].tolist() == ["2", "2"]
    assert table["image"].is_unique
    line = refused(covid, tmp_path, OLD + "9,No Finding,PA,X-ray,images,a.jpg\n")
    assert line.startswith(f"{tmp_path}/metadata.csv, row 6: label is 'Normal', expected 'COVID-19'")


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd"])
def test_covid_refuses_a_path_that_leaves_the_root(tmp_path, name):
    line = refused(covid, tmp_path, NEW.replace("b.png", name))
    assert line.startswith(f"{tmp_path}/metadata.csv, row 5: filename is ") and name in line
    assert "expected a path that stays below the root" in line
    line = refused(covid, tmp_path, NEW.replace("more", "../more"))
    assert line.startswith(f"{tmp_path}/metadata.csv, row 6: filename is '../more/c.jpg'")


def test_covid_names_what_is_missing(tmp_path):
    line = refused(covid, tmp_path, NEW, classes={"COVID19": "COVID-19"})
    assert line.endswith("metadata.csv: found no frontal X-ray with finding 'COVID19'; the nearest is 'COVID-19'")
    assert "row 1: found no column 'view'" in refused(covid, tmp_path, NEW.replace("view", "side"))
    line = refused(covid, tmp_path, NEW.replace("4,0,Pneu", ",0,Pneu"))
    assert line == f"{tmp_path}/metadata.csv, row 5: patientid is '', expected a name"


@real
def test_real_class_folders_against_a_count_of_the_files():
    root = DATA / "chest_xray"
    classes = {"NORMAL": "Normal", "PNEUMONIA/bacteria": "Bacteria", "PNEUMONIA/virus": "Virus"}
    table = readers.class_folders(root, labels=list(classes.values()), classes=classes)
    names = [path.name for path in root.glob("train/*/*.jpeg")]
    assert table["image"].is_unique and len(table) == len(names)
    assert table["Virus"].sum() == sum("_virus_" in name for name in names)
    assert table["Normal"].sum() == sum("IM-" in name for name in names)
    assert table["patient"].nunique() == len({re.match(r"person\d+|.*?IM-\d+", name)[0] for name in names})
    assert all((root / image).is_file() for image in table["image"])


@real
def test_real_covid_against_the_csv():
    root = DATA / "covid-chestxray-dataset"
    table = frontal(readers.covid_chestxray(root, labels=COVID_LABELS, classes=CLASSES, exclusive=True))
    with (root / "metadata.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["view"] != "L"]
    wanted = {"COVID-19": "COVID-19", "COVID-19, ARDS": "COVID-19", "Pneumonia": "Pneumonia", "No Finding": "Normal"}
    files = {row["filename"]: wanted[row["finding"]] for row in rows if row["finding"] in wanted}
    assert dict(table[COVID_LABELS].sum()) == Counter(files.values())
    assert set(table["image"]) == {f"images/{name}" for name in files}
    assert all((root / image).is_file() for image in table["image"])
    # Three files stand under patients 285 and 339: one of the two remains.
    assert "285" in set(table["patient"]) and "339" not in set(table["patient"])
