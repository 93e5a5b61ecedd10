"""Our own files as others may send them, whatever they hold: a clean result or one clear line."""

import dataclasses
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from rayling.networks import weights
from rayling.networks.student import Student
from rayling.storage import dumps, films, prepared
from rayling.storage.dumps import DumpWriter
from rayling.training.loop import Optimisation
from rayling.training.resume import Progress
from tests.pipeline.fuzzing import Whole, broken, cases, outcome

NAMES = ["a", "b"]


def made(write) -> bytes:
    """The bytes of the file that `write(path)` makes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        write(path)
        return Whole(path.read_bytes())


def small_prepared(path: Path):
    ids = {name: ["x", "y", "z"] for name in prepared.COLUMNS}
    about = {"sex": ["female", "male", ""], "age": [0, 120, np.nan], "view": ["AP", "PA", ""]}
    columns = dict.fromkeys(prepared.SPLITS, ids | about | {"labels": np.array([[1, 0], [0, 1], [np.nan, 1]])})
    about = {"study": "s", "names": NAMES, "exclusive": False, "size": 4, "columns": columns}
    prepared.create(path, **about, strata=([0, 1, 1], [2, 2]), moments=(0.4, 0.1))
    for split in prepared.SPLITS:
        prepared.fill(path, split, [np.full((3, 4, 4), 99, np.uint8)])


def small_pixels(path: Path):
    image_id = dict.fromkeys(prepared.SPLITS, ("x", "y", "z"))
    prepared.create_pixels(path, size=6, image_id=image_id, moments=(0.4, 0.1))
    for split in prepared.SPLITS:
        prepared.fill(path, split, [np.full((3, 6, 6), 99, np.uint8)])


def small_films(path: Path):
    columns, labels = {name: ["x", "y", "z"] for name in films.COLUMNS}, np.array([[1, 0], [0, 1], [np.nan, 1]])
    films.create(path, names=NAMES, sizes=[4, 6], labels=labels, columns=columns)
    for size in (4, 6):
        films.fill(path, size, [np.full((3, size, size), 99, np.uint8)])


def small_dump(path: Path):
    about = {"recipe": {"count": 2}, "channels": (2, 2, 2), "grid": 2, "weights": "abc"}
    dumps.create(path, network="dump", names=NAMES, image_id=np.array(["x", "y", "z"]), **about)
    with DumpWriter(path) as writer:
        writer.put(np.arange(3), np.zeros((3, 2, 2), "f4"), 3 * [np.zeros((3, 2, 2, 2, 2), "f4")])


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
PREPARED, PIXELS, DUMP, FILMS = map(made, (small_prepared, small_pixels, small_dump, small_films))


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
                found.images.sum(), found.wanted[found.stratum].sum()


@cases
@given(broken(PIXELS) | rebuilt(PIXELS))
def test_pixels_of_another_size(content):
    with TemporaryDirectory() as folder:
        path, pixels = Path(folder, "prepared.h5"), Path(folder, "pixels.h5")
        path.write_bytes(PREPARED)
        pixels.write_bytes(content)
        for split in prepared.SPLITS:
            found = outcome(prepared.read, path, split, pixels)
            if found is not None:
                assert len(found.images) == 3 and found.size in (4, 6)
                found.images.sum()


@cases
@given(broken(FILMS) | rebuilt(FILMS))
def test_films_of_other_hospitals(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "external.h5")
        path.write_bytes(content)
        found = outcome(films.read, path)
        if found is not None:
            assert all(len(images) == len(found.labels) == len(found.source) for images in found.images.values())
            assert all(images.sum() <= 255 * images.size for images in found.images.values())


@cases
@given(broken(DUMP) | rebuilt(DUMP))
def test_dumps(content):
    with TemporaryDirectory() as folder:
        path = Path(folder, "dump.h5")
        path.write_bytes(content)
        found = outcome(dumps.read, path, names=NAMES, recipe={"count": 2}, image_id=np.array(["x", "y", "z"]))
        if found is not None and not found.empty:
            logits, levels = found.at(np.array([2, 0]), np.array([1, 0]))
            assert logits.shape == (2, 2) and len({level.shape[0] for level in levels}) <= 1


def header(split: prepared.Split) -> weights.Header:
    return weights.Header.of(split, network="student", head=1)


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
    network = Student(outputs=2, grid=2, head=1)
    about = {"device": torch.device("cpu"), "steps": 3, "lr": 0.1, "weight_decay": 0.0, "schedule": "cosine"}
    optimisation = Optimisation(network, None, **about)
    Progress(network, optimisation, tmp_path / "whole.pt", title="tiny").end_epoch({"epoch": 0}, (0.5, -1.0))
    whole = Whole((tmp_path / "whole.pt").read_bytes())

    @cases
    @given(broken(whole))
    def read(content):
        (tmp_path / "broken.pt").write_bytes(content)
        outcome(Progress, network, optimisation, tmp_path / "broken.pt", title="tiny")

    read()
