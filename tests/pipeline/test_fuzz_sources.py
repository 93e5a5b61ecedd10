"""Whatever the tables, folders and archives of a source hold: a believable table or one clear line."""

import csv
import io
import os
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayling.preparation import splits
from rayling.preparation.readers.medmnist import archived_images
from rayling.preparation.sources import READERS
from tests.pipeline.fuzzing import Whole, broken, cases, outcome

LABELS = ["Cardiomegaly", "Edema"]
COLUMNS = {
    "chexpert": ["Path", "Frontal/Lateral", "Sex", "Age", "AP/PA", *LABELS],
    "nih": ["Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position"],
    "covid_chestxray": ["patientid", "finding", "view", "filename", "modality", "folder", "sex", "age"],
    "plain_csv": ["image", "patient", "split", "source", "sex", "age", "view", *LABELS],
}
FILES = {"nih": ["Data_Entry_2017.csv", "test_list.txt"], "covid_chestxray": ["metadata.csv"], "plain_csv": ["a.csv"]}
FILES |= {"chexpert": ["train.csv", "valid.csv"]}
MORE = {
    "chexpert": {"frontal_only": True, "uncertain": {"default": "ignore"}, "blank": "zeros"},
    "covid_chestxray": {"exclusive": False},
    "plain_csv": {"file": "a.csv", "columns": {}},
}
GOOD = ["1", "0", "-1", "", "Frontal", "Lateral", "train", "test", "PA", "Cardiomegaly|Edema", "Edema", "No Finding"]
GOOD += ["M", "female", "058Y", "61.0", "AP Supine"]
GOOD += [f"CheXpert/train/patient0000{n}/study1/view1_frontal.jpg" for n in range(5)] + ["a.png", "b.png", "7"]
BAD = ["../../x.png", "/etc/passwd", "a/../../b.png", "C:\\x.png", "\0", "nan", "1e999", "‮", ".", "..", "a" * 5000]
cells = st.sampled_from(GOOD) | st.sampled_from(GOOD + BAD) | st.text(max_size=12)


@st.composite
def tables(draw, reader: str) -> bytes:
    """A CSV for a reader: columns there, gone, twice or foreign, cells good and bad."""
    columns = list(COLUMNS[reader])
    if draw(st.integers(0, 3)) == 0:
        columns = draw(st.lists(st.sampled_from(columns) | st.text(max_size=5), max_size=8))
    rows = draw(st.lists(st.lists(cells, min_size=len(columns), max_size=len(columns)), max_size=6))
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    whole = text.getvalue().encode("utf-8", "surrogatepass")
    return draw(broken(Whole(whole))) if whole and draw(st.integers(0, 3)) == 0 else whole


@pytest.mark.parametrize("reader", sorted(COLUMNS))
def test_readers_of_tables(reader):
    @cases
    @given(st.lists(tables(reader), min_size=2, max_size=2), st.booleans())
    def read(contents, named):
        with TemporaryDirectory() as folder:
            for name, content in zip(FILES[reader], contents, strict=False):
                Path(folder, name).write_bytes(content)
            classes = {"Edema": "Edema", "No Finding": ""} if named and reader != "chexpert" else {}
            table = outcome(READERS[reader], folder, labels=LABELS, classes=classes, **MORE.get(reader, {}))
            if table is not None:
                believable(table)
                given_path = Path(folder, "split.csv")
                given_path.write_bytes(contents[1])
                outcome(splits.from_csv, table.assign(left_out="", unlabelled=False), given_path)

    read()


def believable(table):
    """No path leaves the root, no label is but 0, 1 or unknown, and nobody is older than people are."""
    for image in table["image"]:
        path = PurePosixPath(image)
        assert not path.is_absolute() and ".." not in path.parts
    assert table[LABELS].isin([0, 1, np.nan]).all().all()
    assert table["split"].isin(["", "train", "dev", "test"]).all()
    assert table["sex"].isin(["", "female", "male"]).all() and table["view"].isin(["", "AP", "PA"]).all()
    assert (table["age"].isna() | table["age"].between(0, 120)).all() and table["age"].dtype == np.float32


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@cases
@given(st.lists(names | st.just("\udcff"), max_size=5), st.booleans())
def test_folders_of_classes(names, flat):
    with TemporaryDirectory() as folder:
        top = Path(folder) if flat else Path(folder, "train")
        for label in LABELS:
            (top / label).mkdir(parents=True)
            for name in [*names, "person1_virus_1.jpeg"]:
                if name not in (".", "..") and len(os.fsencode(name)) < 200:
                    (top / label / f"{name}.png").touch()
        table = outcome(READERS["class_folders"], folder, labels=LABELS, classes={})
        if table is not None:
            believable(table)


def archive(labels: np.ndarray, pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    sides = {f"{side}_{kind}": array for side in ("train", "val", "test") for kind, array in
             {"labels": labels, "images": pixels}.items()}  # fmt: skip
    np.savez_compressed(file, **sides)
    return Whole(file.getvalue())


def lying(shape: str, kind: str) -> bytes:
    """An archive whose arrays are said to be huge, with a gigabyte of zeros behind that takes a megabyte."""
    file = io.BytesIO()
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for side in ("train", "val", "test"):
            for name in ("labels", "images"):
                body = header if name == kind else header.replace(shape, "(2, 14)" if name == "labels" else "(2, 4, 4)")
                with made.open(f"{side}_{name}.npy", "w") as stream:
                    stream.write(b"\x93NUMPY\x01\x00\x76\x00" + body[:117].encode() + b"\n")
                    for _ in range(8 if name == kind and side == "train" else 1):
                        stream.write(bytes(2**25))
    return file.getvalue()


MEDMNIST = archive(np.eye(3, 14, dtype=np.uint8), np.zeros((3, 8, 8), np.uint8))
OBJECTS = archive(np.array([{"a": 1}] * 3, object), np.zeros((3, 8, 8), np.uint8))


@cases
@given(broken(MEDMNIST, OBJECTS) | st.sampled_from([MEDMNIST, OBJECTS]))
def test_archives_of_medmnist(content):
    read_archive(content)


@pytest.mark.parametrize("kind", ["labels", "images"])
@pytest.mark.parametrize("shape", ["(100000000, 14)", "(2, 100000, 100000)", "(-1, 14)", "(2, 2**99)"])
def test_archives_that_claim_more_than_they_should(shape, kind):
    read_archive(lying(shape, kind))


def read_archive(content: bytes):
    def everything():
        table = READERS["medmnist"](folder, labels=["edema"], classes={}, file="chestmnist.npz")
        return len(list(archived_images(folder, "chestmnist.npz", table["image"])))

    with TemporaryDirectory() as folder:
        Path(folder, "chestmnist.npz").write_bytes(content)
        outcome(everything)
