"""Whatever a user's file holds: a clean result or one clear line."""

import csv
import io
import os
import zipfile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rayling.config import params
from rayling.images import reading
from rayling.preparation import splits
from rayling.preparation.readers.medmnist import archived_images
from rayling.preparation.sources import READERS
from tests.pipeline.fuzzing import PIXELS, Whole, broken, cases, outcome
from tests.tiny import ROOT, shrink

# params.yaml


def small_params() -> dict:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    shrink(content)
    return content | {"studies": {"phantom": content["studies"]["phantom"]}}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["phantom", "../x", "/etc", "softmax", 10**400, "1e-3", "\0", "$", "${study}", "x" * 9999]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def changed_params(draw) -> bytes:
    """The parameters with some values replaced, keys gone or new."""
    content = small_params()
    for _ in range(draw(st.integers(1, 3))):
        place = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.integers(0, 4)):
                place = place[key]
                continue
            how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
            if how == "remove":
                del place[key]
            elif how == "replace":
                place[key] = draw(values)
            elif isinstance(place, dict):
                place[draw(st.text(max_size=6))] = draw(values)
            break
    return yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass")


PARAMS = Whole(yaml.safe_dump(small_params()).encode())
NASTY = [b"a: &a [1]\nb: *a\n" * 2, b"? {? {? 1}}", b"%YAML 9.9\n---\n1", b"!!python/object:os.system 1"]
BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]).encode()


@cases
@given(changed_params() | broken(PARAMS, *NASTY, BOMB) | st.sampled_from([*NASTY, BOMB]))
def test_params(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        path.write_bytes(content)
        found = outcome(params.read, "study", "data", "student", path=path)
    if found is not None:
        assert found.student.epochs >= 1 and 0 < found.data.dev < 1


# CSV and folders


LABELS = ["Cardiomegaly", "Edema"]
COLUMNS = {
    "chexpert": ["Path", "Frontal/Lateral", *LABELS],
    "nih": ["Image Index", "Finding Labels", "Patient ID"],
    "covid_chestxray": ["patientid", "finding", "view", "filename", "modality", "folder"],
    "plain_csv": ["image", "patient", "split", "source", *LABELS],
}
FILES = {"nih": ["Data_Entry_2017.csv", "test_list.txt"], "covid_chestxray": ["metadata.csv"], "plain_csv": ["a.csv"]}
FILES |= {"chexpert": ["train.csv", "valid.csv"]}
MORE = {
    "chexpert": {"frontal_only": True, "uncertain": {"default": "ignore"}, "blank": "zeros"},
    "covid_chestxray": {"exclusive": False},
    "plain_csv": {"file": "a.csv", "columns": {}},
}
GOOD = ["1", "0", "-1", "", "Frontal", "Lateral", "train", "test", "PA", "Cardiomegaly|Edema", "Edema", "No Finding"]
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
    """No path leaves the root, no label is but 0, 1 or unknown."""
    for image in table["image"]:
        path = PurePosixPath(image)
        assert not path.is_absolute() and ".." not in path.parts
    assert table[LABELS].isin([0, 1, np.nan]).all().all()
    assert table["split"].isin(["", "train", "dev", "test"]).all()


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


# pictures


def picture(kind: str, mode: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    image = Image.fromarray(noise).convert("RGB")
    image = Image.fromarray(noise[..., 0].astype(np.uint16) * 200) if mode == "I;16" else image.convert(mode)
    image.save(file, kind)
    return Whole(file.getvalue())


def xray(**tags) -> bytes:
    """A DICOM file of 8 × 6 pixels."""
    dataset, file = Dataset(), io.BytesIO()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    about = {"Rows": 8, "Columns": 6, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME1"}
    about |= {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    about |= {"WindowCenter": 100, "WindowWidth": 50, "RescaleSlope": 2, "RescaleIntercept": -7}
    for name, value in (about | tags).items():
        setattr(dataset, name, value)
    dataset.PixelData = np.arange(48, dtype=np.uint16).tobytes()
    dataset.save_as(file, enforce_file_format=True)
    return Whole(file.getvalue())


PICTURES = [picture("PNG", mode) for mode in ("1", "L", "P", "RGB", "I;16")]
PICTURES += [picture("JPEG", mode) for mode in ("L", "RGB", "CMYK")]
PICTURES += [xray(), xray(PhotometricInterpretation="MONOCHROME2", PixelPaddingValue=3)]


@cases
@given(broken(*PICTURES), st.booleans())
def test_pictures(content, keep_aspect):
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "picture"
        path.write_bytes(content)
        image = outcome(reading.grey_inside, reading.File(path, inside=path.parent), most=PIXELS)
    if image is not None:
        assert image.mode == "L"
        assert reading.square(image, size=16, keep_aspect=keep_aspect).shape == (16, 16)
