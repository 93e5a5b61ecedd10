"""The reader `covid_chestxray`: every version of its table written small, and the real one counted a second way."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.covid_chestxray import covid_chestxray

REAL = Path(__file__).parents[3] / "shared" / "data" / "covid-chestxray-dataset"

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
LABELS = ["Normal", "Pneumonia", "COVID-19"]
CLASSES = {"COVID-19": "COVID-19", "Pneumonia": "Pneumonia", "No Finding": "Normal"}


def frontal(table):
    return table[table["left_out"] == ""]


def read(root, text, *, classes=CLASSES, exclusive=True):
    (root / "metadata.csv").write_text(text)
    return frontal(covid_chestxray(root, labels=LABELS, classes=classes, exclusive=exclusive))


def refused(read, *args, **options):
    with pytest.raises(BadInput) as caught:
        read(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("drift", ["patientid", "patient id", "PatientId", "patient_id"])
def test_findings_and_headers_of_every_version_are_read(tmp_path, drift):
    table = read(tmp_path, NEW.replace("patientid", drift))
    assert table["image"].tolist() == ["images/a.jpg", "images/b.png", "more/c.jpg"]
    assert table["patient"].tolist() == ["2", "4", "5"] and (table["split"] == "").all()
    assert table[LABELS].idxmax(axis=1).tolist() == ["COVID-19", "Pneumonia", "Normal"]
    assert (table[LABELS].sum(axis=1) == 1).all()
    assert read(tmp_path, OLD.replace("finding", "findings")).equals(table)
    everything = covid_chestxray(tmp_path, labels=LABELS, classes=CLASSES, exclusive=True)
    assert everything.set_index("image")["left_out"].loc["images/lateral.jpg"] == "lateral view"
    without = read(tmp_path, OLD.replace(",Folder", "").replace(",images", "").replace(",more", ""))
    assert without["image"].tolist() == ["images/a.jpg", "images/b.png", "images/c.jpg"]


def test_without_labels_every_finding_counts_and_lateral_images_and_ct_do_not(tmp_path):
    (tmp_path / "metadata.csv").write_text(NEW)
    table = covid_chestxray(tmp_path, labels=[], classes={}, exclusive=True)
    assert frontal(table)["image"].tolist() == ["images/a.jpg", "images/b.png", "more/c.jpg", "images/d.jpg"]
    assert sorted(set(table["left_out"])) == ["", "CT", "lateral view"]


def test_sex_and_age_are_read_if_they_are_there_and_ap_supine_is_ap(tmp_path):
    table = read(tmp_path, NEW)
    assert table["view"].tolist() == ["PA", "AP", "AP"]
    assert (table["sex"] == "").all() and table["age"].isna().all()
    rows = zip(NEW.splitlines(), ["sex,age", "M,70.0", "", "", "F,nan", "unknown,90+", ","], strict=True)
    table = read(tmp_path, "\n".join(f"{row},{more or ','}" for row, more in rows))
    assert table["sex"].tolist() == ["male", "female", ""]
    np.testing.assert_array_equal(table["age"], [70, np.nan, np.nan])


def test_the_last_part_that_maps_counts(tmp_path):
    table = read(tmp_path, OLD + '7,"COVID-19, ARDS",PA,X-ray,images,e.jpg\n', classes=CLASSES | {"ARDS": "Pneumonia"})
    assert table["Pneumonia"].tolist() == [0, 1, 0, 1]


def test_all_parts_that_map_count_if_labels_are_not_exclusive(tmp_path):
    table = read(tmp_path, NEW, exclusive=False)
    np.testing.assert_array_equal(table[LABELS], [[0, 1, 1], [0, 1, 0], [1, 0, 0]])


def test_the_first_versions_had_ct_among_the_views(tmp_path):
    first = (
        OLD.replace(",Modality", "").replace(",X-ray", "")
        + "9,COVID-19,CT,images,ct.jpg\n9,COVID-19,Axial,images,x.jpg\n"
    )
    assert read(tmp_path, first).equals(read(tmp_path / "", OLD))
    (tmp_path / "metadata.csv").write_text(first)
    everything = covid_chestxray(tmp_path, labels=LABELS, classes=CLASSES, exclusive=True)
    assert (everything["left_out"] == "CT").sum() == 2


def test_patients_who_share_a_file_are_merged(tmp_path):
    twice = OLD + "9,COVID-19,PA,X-ray,images,a.jpg\n9,COVID-19,AP,X-ray,images,f.jpg\n"
    table = read(tmp_path, twice)
    assert table.set_index("image")["patient"].loc[["images/a.jpg", "images/f.jpg"]].tolist() == ["2", "2"]
    assert table["image"].is_unique
    line = refused(read, tmp_path, OLD + "9,No Finding,PA,X-ray,images,a.jpg\n")
    assert line.startswith(f"{tmp_path}/metadata.csv, row 6: label is 'Normal', expected 'COVID-19'")


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path, name):
    line = refused(read, tmp_path, NEW.replace("b.png", name))
    assert line.startswith(f"{tmp_path}/metadata.csv, row 5: filename is ") and name in line
    assert "expected a path that stays below the root" in line
    line = refused(read, tmp_path, NEW.replace("more", "../more"))
    assert line.startswith(f"{tmp_path}/metadata.csv, row 6: filename is '../more/c.jpg'")


def test_errors_name_what_is_missing(tmp_path):
    line = refused(read, tmp_path, NEW, classes={"COVID19": "COVID-19"})
    assert line.endswith("metadata.csv: found no frontal X-ray with finding 'COVID19'; the nearest is 'COVID-19'")
    assert "row 1: found no column 'view'" in refused(read, tmp_path, NEW.replace("view", "side"))
    line = refused(read, tmp_path, NEW.replace("4,0,Pneu", ",0,Pneu"))
    assert line == f"{tmp_path}/metadata.csv, row 5: patientid is '', expected a name"


def test_a_missing_or_unreadable_table_is_named(tmp_path):
    settings = {"labels": ["Normal"], "classes": {"No Finding": "Normal"}, "exclusive": True}
    line = refused(covid_chestxray, tmp_path, **settings)
    assert line.startswith(f"{tmp_path}/metadata.csv: no such file; expected a CSV with columns patientid, ")
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\x00")
    line = refused(covid_chestxray, tmp_path, **settings)
    assert line.startswith(f"{tmp_path}/metadata.csv: found ")
    assert line.endswith("expected a CSV in UTF-8 (as Excel's 'CSV UTF-8')")


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data at {REAL}")
def test_the_real_table_against_a_plain_count():
    table = frontal(covid_chestxray(REAL, labels=LABELS, classes=CLASSES, exclusive=True))
    with (REAL / "metadata.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["view"] != "L"]
    wanted = {"COVID-19": "COVID-19", "COVID-19, ARDS": "COVID-19", "Pneumonia": "Pneumonia", "No Finding": "Normal"}
    files = {row["filename"]: wanted[row["finding"]] for row in rows if row["finding"] in wanted}
    assert dict(table[LABELS].sum()) == Counter(files.values())
    assert set(table["image"]) == {f"images/{name}" for name in files}
    assert all((REAL / image).is_file() for image in table["image"])
    said = {f"images/{row['filename']}": (row["sex"], row["age"], row["view"][:2]) for row in rows}
    sexes = table["sex"].map({"male": "M", "female": "F", "": ""})
    ages = ["" if age != age else str(float(age)) for age in table["age"]]
    assert list(zip(sexes, ages, table["view"], strict=True)) == [said[image] for image in table["image"]]
    # Three files stand under patients 285 and 339: one of the two remains.
    assert "285" in set(table["patient"]) and "339" not in set(table["patient"])
