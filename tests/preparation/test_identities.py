"""One person, image or source under several spellings."""

import unicodedata
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.config.sources import Classes, PlainCSV
from rayling.preparation import identities, sources, splits

LISTED = PlainCSV(reader="plain_csv", folder=".", file="list.csv", classes={"Ill": "Ill"})
ACCENTED = unicodedata.normalize("NFC", "Hélène Ångström")
DECOMPOSED = unicodedata.normalize("NFD", ACCENTED)


def read(root, text, *, source=LISTED):
    (root / "list.csv").write_text(text)
    return sources.read(root, SimpleNamespace(sources=[source], labels=["Ill"], exclusive=False), study="mine")


def patients(root, *names):
    rows = [f"{number}.png,{name},1\n" for number, name in enumerate(names)]
    return read(root, "image,patient,Ill\n" + "".join(rows))["patient"].tolist()


def save(path):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(path)


@pytest.mark.parametrize("both", [("7", "7.0"), ("12", "12.000"), (ACCENTED, DECOMPOSED), (" P 7", "P  7 ")])
def test_what_is_surely_one_patient_is_one_without_a_word(tmp_path, capsys, both):
    assert len(set(patients(tmp_path, *both, "8"))) == 2
    assert not capsys.readouterr().out


@pytest.mark.parametrize("both", [("007", "7"), ("P7", "p7"), ("P 7", "P7"), ("AB-007-1", "ab-7-01"), ("7.0", "07")])
def test_what_may_be_one_patient_counts_as_one_and_is_told(tmp_path, capsys, both):
    assert len(set(patients(tmp_path, *both, "8", "9", "9"))) == 3
    line = capsys.readouterr().out
    assert line.startswith(f"warning: {tmp_path}: found patients in two spellings, as ")
    assert line.endswith(": 1 in all, each counted as one\n") and line.count("\n") == 1


@pytest.mark.parametrize("both", [("7", "70"), ("1.05", "1.5"), ("1.1", "1.10"), ("P7", "P-7"), ("0", "00a")])
def test_others_are_two_patients(tmp_path, capsys, both):
    assert len(set(patients(tmp_path, *both))) == 2
    assert not capsys.readouterr().out


def test_the_spelling_does_not_depend_on_the_order_of_the_rows(tmp_path):
    assert patients(tmp_path, "p7", "P7", "07", "7") == ["P7", "P7", "07", "07"]
    assert patients(tmp_path, "7", "07", "P7", "p7") == ["07", "07", "P7", "P7"]


@pytest.mark.parametrize("blank", ["nan", "NaN", "NA", "n/a", "None", "null", "<NA>", "  ", "unknown"])
def test_blanks_make_no_patient_split_or_source(tmp_path, blank):
    rows = [f"{number}.png,1" + f",{blank}" * 5 for number in range(3)]
    table = read(tmp_path, "\n".join(["image,Ill,patient,split,source,sex,view", *rows]))
    assert table["patient"].tolist() == table["image"].tolist()
    assert (table[["split", "sex", "view"]] == "").all(axis=None)
    assert set(table["source"]) == {"mine"}


def test_images_that_are_patients_of_their_own_stay_apart(tmp_path, capsys):
    names = ["scan1.png", "scan01.png", "Scan1.png"]
    table = read(tmp_path, "image,Ill\n" + "".join(f"{name},1\n" for name in names))
    assert table["patient"].tolist() == names
    assert not capsys.readouterr().out


@pytest.mark.parametrize("listed", [ACCENTED, DECOMPOSED])
@pytest.mark.parametrize("stored", [ACCENTED, DECOMPOSED])
def test_an_accented_file_is_found_under_either_form(tmp_path, listed, stored):
    save(tmp_path / f"{stored}.png")
    table = read(tmp_path, f"image,Ill\n{listed}.png,1\n")
    assert (tmp_path / table["image"][0]).is_file()
    assert sources.unlisted(tmp_path, table) == []
    (tmp_path / "split.csv").write_text(f"image,split\n{listed}.png,Valid\n")
    assert splits.from_csv(table, tmp_path / "split.csv")["split"].tolist() == ["dev"]


def test_two_forms_of_one_name_in_a_table_are_one_image(tmp_path):
    with pytest.raises(BadInput, match=r"row 3: image is .*, expected each image once"):
        read(tmp_path, f"image,Ill\n{ACCENTED}.png,1\n{DECOMPOSED}.png,1\n")


def test_a_class_folder_is_found_under_either_form(tmp_path):
    save(tmp_path / DECOMPOSED / "1.png")
    folders = Classes(reader="class_folders", folder=".", classes={ACCENTED: "Ill"})
    assert read(tmp_path, "", source=folders)["Ill"].tolist() == [1]


def test_sources_that_differ_in_case_are_one(tmp_path, capsys):
    table = read(tmp_path, "image,source,Ill\n1.png,North,1\n2.png,north,1\n3.png,South,1\n")
    assert table["source"].tolist() == ["North", "North", "South"]
    assert "found sources in two spellings, as 'North' and 'north'" in capsys.readouterr().out


def test_merging_agrees_with_a_comparison_of_every_pair():
    rng = np.random.default_rng(0)
    letters, zeros, numbers = rng.choice(["p", "P", ""], 60), rng.integers(3, size=60), rng.integers(20, size=60)
    names = [f"{letter}{'0' * many}{n}" for letter, many, n in zip(letters, zeros, numbers, strict=True)]
    same = identities.merged(pd.Series(names), what="patients", where="x").to_numpy()
    person = np.array([f"{letter.upper()} {n}" for letter, n in zip(letters, numbers, strict=True)])
    np.testing.assert_array_equal(same[:, None] == same, person[:, None] == person)
