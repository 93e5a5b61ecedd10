"""Whatever a file holds: a clean result or one clear line, never a traceback, a hang or more memory than is said here.

`CASES=10000 pytest tests/test_fuzz.py` takes hours and other cases each time; without CASES a few, always the same.
"""

import csv
import dataclasses
import io
import json
import os
import random
import signal
import zipfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from safetensors.torch import load_file, save_file

from distill import dumps, images, params, prepared, split_file, weights
from distill.errors import BadInput
from distill.filler import Filler
from distill.models import Student
from distill.progress import Progress
from distill.readers import READERS
from distill.readers.medmnist import pictures
from tests.tiny import LONG, shrink

CASES = int(os.environ.get("CASES", "50"))
MEMORY = 300e6  # bytes more than before, whatever a file of some kilobytes says of itself
PIXELS = 2e9  # the same for a picture: 100 megapixels are allowed, and decoded
LINE = 6010  # characters that one line may have
ROOT = Path(__file__).parents[1]

cases = settings(
    max_examples=CASES,
    deadline=timedelta(seconds=30),
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def bounded(most: float):
    """The block takes at most so many bytes at once, where Linux tells it."""
    if not Path("/proc/self/clear_refs").exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _kilobytes("VmRSS")
    yield
    assert 1024 * (_kilobytes("VmHWM") - before) < most


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def outcome(read, *arguments, most: float = MEMORY, **named):
    """What a reader returns, or None where it says in one line why not."""
    with bounded(most):
        signal.alarm(60)  # a hang ends the tests
        try:
            return read(*arguments, **named)
        except BadInput as error:
            assert "\n" not in str(error) and 0 < len(str(error)) <= LINE
            return None
        finally:
            signal.alarm(0)


class Whole(bytes):
    """A file whose bytes hypothesis does not print."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes"


@st.composite
def broken(draw, *wholes: Whole) -> bytes:
    """One of the files with some bytes changed, cut, doubled or put in."""
    data = bytearray(draw(st.sampled_from(wholes)))
    dice = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 8))):
        place = dice.randrange(max(1, len(data)))
        length = dice.choice([1, 2, 4, 8, 64, 1024])
        change = draw(st.sampled_from(["bit", "byte", "number", "cut", "double", "insert", "end"]))
        if change == "bit" and data:
            data[place] ^= 1 << dice.randrange(8)
        elif change == "byte" and data:
            data[place] = dice.randrange(256)
        elif change == "number":
            data[place : place + 4] = dice.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).to_bytes(4, "little")
        elif change == "cut":
            del data[place : place + length]
        elif change == "double":
            data[place:place] = data[place : place + length]
        elif change == "insert":
            data[place:place] = dice.randbytes(length)
        elif change == "end":
            del data[place:]
    return bytes(data)


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
NASTY = [b"[" * 5000, b"a: &a [1]\nb: *a\n" * 2, b"? {? {? 1}}", b"%YAML 9.9\n---\n1", b"!!python/object:os.system 1"]
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
                outcome(split_file.give, table.assign(left_out=""), given_path)

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
        return len(list(pictures(folder, "chestmnist.npz", table["image"])))

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
        image = outcome(images.grey_inside, images.File(path, inside=path.parent), most=PIXELS)
    if image is not None:
        assert image.mode == "L"
        assert images.square(image, size=16, keep_aspect=keep_aspect).shape == (16, 16)


# our own formats, as others may send them


NAMES = ["a", "b"]


def made(write) -> bytes:
    """The bytes of the file that `write(path)` makes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        write(path)
        return Whole(path.read_bytes())


def small_prepared(path: Path):
    ids = {name: ["x", "y", "z"] for name in prepared.COLUMNS}
    columns = dict.fromkeys(prepared.SPLITS, ids | {"labels": np.array([[1, 0], [0, 1], [np.nan, 1]])})
    prepared.create(path, study="s", names=NAMES, size=4, columns=columns, rows=np.array([0, 2]), moments=(0.4, 0.1))
    for split in prepared.SPLITS:
        prepared.fill(path, split, [np.full((3, 4, 4), 99, np.uint8)])


def small_dump(path: Path):
    about = {"recipe": {"count": 2}, "channels": (2, 2, 2), "grid": 2, "weights": "abc"}
    dumps.create(path, network="dump", names=NAMES, image_id=np.array(["x", "y", "z"]), **about)
    with Filler(path) as filler:
        filler.put(slice(0, 3), np.zeros((3, 2, 2), "f4"), 3 * [np.zeros((3, 2, 2, 2, 2), "f4")])


@st.composite
def rebuilt(draw, whole: bytes) -> bytes:
    """An HDF5 file whose parts were replaced by its own library, so that every checksum is right."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            places = []
            file.visititems(lambda name, found: places.append(name) if isinstance(found, h5py.Dataset) else None)
            for _ in range(draw(st.integers(1, 3))):
                if draw(st.booleans()):
                    name = draw(st.sampled_from(list(file.attrs)))
                    file.attrs[name] = draw(attributes)
                    continue
                name = draw(st.sampled_from(places))
                if name in file:
                    del file[name]
                shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 2**20, 2**40]), max_size=5)))
                chunks = tuple(min(64, side) for side in shape) if all(shape) and shape else None
                dtype = draw(st.sampled_from(["f4", "f2", "u1", "i8", "S3", "S", "bool", "f8", h5py.string_dtype()]))
                file.create_dataset(name, shape, "S1" if dtype == "S" else dtype, chunks=chunks)
        return path.read_bytes()


attributes = st.integers(-(2**62), 2**62) | st.floats() | st.binary(max_size=9).map(np.bytes_) | st.sampled_from(
    ["text", "", np.array([b"a", b"b"]), np.zeros((3, 2)), h5py.Empty("f"), np.bytes_(b'{"count": 99999999999}'), True]
)  # fmt: skip
PREPARED, DUMP = made(small_prepared), made(small_dump)


@cases
@given(broken(PREPARED) | rebuilt(PREPARED))
def test_prepared_files(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "prepared.h5")
        path.write_bytes(content)
        for split in prepared.SPLITS:
            found = outcome(prepared.read, path, split)
            if found is not None:
                assert len(found.images) == len(found.labels) == len(found.image_id) == len(found.source)
                found.images.sum(), found.labelled_rows.sum()


@cases
@given(broken(DUMP) | rebuilt(DUMP))
def test_dumps(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "dump.h5")
        path.write_bytes(content)
        found = outcome(dumps.read, path, names=NAMES, recipe={"count": 2}, image_id=np.array(["x", "y", "z"]))
        if found is not None and not found.empty:
            logits, levels = found.at(np.array([2, 0]), np.array([1, 0]))
            assert logits.shape == (2, 2) and len({level.shape[0] for level in levels}) == 1


def header(split: prepared.Split) -> weights.Header:
    return weights.Header.of(split, network="student", backbones=[], seed=0)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    path = tmp_path_factory.mktemp("split") / "prepared.h5"
    path.write_bytes(PREPARED)
    return prepared.read(path, "train")


def test_weights(split):
    whole = made(lambda path: weights.save(path, weights.build(header(split)), header(split)))

    @cases
    @given(broken(whole))
    def read(content):
        with TemporaryDirectory() as folder:
            path = Path(folder, "student.safetensors")
            path.write_bytes(content)
            outcome(weights.load, path, split=split)

    read()


@pytest.mark.parametrize("backbones", [["resnet18"] * 60, ["resnet18"], [5], "resnet18", None])
def test_no_network_is_built_by_the_word_of_a_header(split, tmp_path, backbones):
    path = tmp_path / "student.safetensors"
    weights.save(path, weights.build(header(split)), header(split))
    about = dataclasses.asdict(header(split)) | {"backbones": backbones}
    tensors = load_file(path)
    save_file(tensors, path, metadata={"rayling": json.dumps(about)})
    assert outcome(weights.load, path, split=split) is None


def test_checkpoints(tmp_path):
    from distill.descent import Descent

    network = Student(outputs=2, grid=2)
    about = {"device": torch.device("cpu"), "steps": 3, "lr": 0.1, "weight_decay": 0.0, "schedule": "cosine"}
    descent = Descent(network, None, **about)
    Progress(network, descent, tmp_path / "whole.pt", title="tiny").epoch({"epoch": 0}, (0.5, -1.0))
    whole = Whole((tmp_path / "whole.pt").read_bytes())

    @cases
    @given(broken(whole))
    def read(content):
        (tmp_path / "broken.pt").write_bytes(content)
        outcome(Progress, network, descent, tmp_path / "broken.pt", title="tiny")

    read()
