"""The reader `class_folders`: Kermany's layout written small, and the real images counted a second way."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.class_folders import class_folders

XRAYS = Path(__file__).parents[3] / "shared" / "data" / "chest_xray"

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


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def refused(read, *args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_patient_split_and_class_are_read(tmp_path):
    touch(tmp_path, *KERMANY, "train/NORMAL/._IM-0383-0001.jpeg", "train/NORMAL/.DS_Store", "train/OTHER/a.png")
    labels = ["Pneumonia", "COVID-19", "Normal"]
    table = class_folders(tmp_path, labels=labels, classes={"PNEUMONIA": "Pneumonia", "NORMAL": "Normal"})
    assert table["image"].tolist() == sorted(KERMANY)
    found = zip(table["patient"], table["split"], table[labels].idxmax(axis=1), strict=True)
    assert dict(zip(table["image"], found, strict=True)) == KERMANY
    assert (table[labels].sum(axis=1) == 1).all() and (table[labels].dtypes == np.float32).all()


def test_bacteria_and_virus_are_distinguished(tmp_path):
    touch(tmp_path, *KERMANY)
    classes = {"PNEUMONIA/virus": "Virus", "PNEUMONIA": "Pneumonia"}
    table = class_folders(tmp_path, labels=["Virus", "Pneumonia"], classes=classes)
    assert table["Virus"].tolist() == ["virus" in name for name in table["image"]]
    classes = {"PNEUMONIA/bacteria": "Bacteria"}
    table = class_folders(tmp_path, labels=["Bacteria"], classes=classes)
    assert all("bacteria" in name.lower() for name in table["image"]) and len(table) == 3


def test_a_name_without_a_patient_is_a_patient_of_its_own_in_every_folder(tmp_path):
    touch(tmp_path, *(f"{split}/{name}/0001.png" for split in ("train", "test") for name in ("healthy", "ill")))
    table = class_folders(tmp_path, labels=["Ill", "Well"], classes={"healthy": "Well", "ill": "Ill"})
    assert table["patient"].nunique() == len(table) == 4


def test_dicom_without_a_suffix_and_unsupported_formats_are_listed(tmp_path):
    touch(tmp_path, "ill/a.bmp", "ill/notes.txt", "ill/README", "ill/deeper/b.png")
    (tmp_path / "ill" / "1.2.840.113619.2").write_bytes(bytes(128) + b"DICM")
    os.mkfifo(tmp_path / "ill" / "pipe")
    table = class_folders(tmp_path, labels=["Ill"], classes={"ill": "Ill"})
    assert table["image"].tolist() == ["ill/1.2.840.113619.2", "ill/a.bmp"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
def test_a_file_name_that_is_not_utf8_is_refused_in_one_line(tmp_path):
    (tmp_path / "ill").mkdir()
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/ill/\xff.png"))).touch()
    line = refused(class_folders, tmp_path, labels=["Ill"], classes={"ill": "Ill"})
    assert "found a file named 'ill/\\udcff.png', expected names in UTF-8" in line


def test_folders_without_splits_are_read_and_wrong_classes_are_refused(tmp_path):
    touch(tmp_path, "healthy/a.jpg", "ill/b.jpg", "empty/readme.txt")
    classes = {"healthy": "Normal", "ill": "Ill"}
    table = class_folders(tmp_path, labels=["Ill", "Normal"], classes=classes)
    assert table[["image", "patient", "split"]].values.tolist() == [
        ["healthy/a.jpg", "healthy/a.jpg", ""],
        ["ill/b.jpg", "ill/b.jpg", ""],
    ]
    line = refused(class_folders, tmp_path, labels=["Normal"], classes={"helthy": "Normal"})
    assert line == f"{tmp_path}: found no image of class 'helthy'; the nearest is 'healthy'"
    line = refused(class_folders, tmp_path, labels=["Normal"], classes={"empty": "Normal"})
    assert line == f"{tmp_path}: found no image of class 'empty'; expected at least one"
    line = refused(class_folders, tmp_path, labels=["Normal"], classes={"healthy": "normal"})
    assert line == "classes: 'healthy' is 'normal', which is no label of the study; the nearest is 'Normal'"


def test_a_missing_root_is_named(tmp_path):
    absent = tmp_path / "absent"
    line = refused(class_folders, absent, labels=["Normal"], classes={"NORMAL": "Normal"})
    assert line == f"{absent}: no such folder; expected class folders in it: NORMAL"


@pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real X-rays at {XRAYS}")
def test_real_class_folders_against_a_count_of_the_files():
    classes = {"NORMAL": "Normal", "PNEUMONIA/bacteria": "Bacteria", "PNEUMONIA/virus": "Virus"}
    table = class_folders(XRAYS, labels=list(classes.values()), classes=classes)
    names = [path.name for path in XRAYS.glob("train/*/*.jpeg")]
    assert table["image"].is_unique and len(table) == len(names)
    assert table["Virus"].sum() == sum("_virus_" in name for name in names)
    assert table["Normal"].sum() == sum("IM-" in name for name in names)
    assert table["patient"].nunique() == len({re.match(r"person\d+|.*?IM-\d+", name)[0] for name in names})
    assert all((XRAYS / image).is_file() for image in table["image"])


def test_the_radiography_database_has_images_and_masks_in_every_class(tmp_path):
    radiographs = ["COVID/images/COVID-1.png", "Normal/images/Normal-1.png", "Viral Pneumonia/images/Viral-1.png"]
    touch(tmp_path, *radiographs, *(name.replace("images", "masks") for name in radiographs))
    classes = {"COVID": "COVID-19", "Normal": "Normal", "Viral Pneumonia": "Pneumonia"}
    table = class_folders(tmp_path, labels=list(classes.values()), classes=classes)
    assert table["image"].tolist() == radiographs
    np.testing.assert_array_equal(table[list(classes.values())], np.eye(3))
    assert class_folders(tmp_path, labels=[], classes={})["image"].tolist() == radiographs
