"""Small data that several tests share. Nothing here is larger than a thumbnail."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before timm is imported: no test may wait for a network
os.environ.pop("HF_HUB_CACHE", None)
os.environ["HF_HOME"] = "/nonexistent"  # nor pass because somebody once downloaded weights

import re
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from distill import prepared
from tests.tiny import ROOT, clone_into, dvc, run

SLOWEST = ("test_pipeline", "test_experiments", "test_stale", "test_disk", "test_processes", "test_kills", "test_two")


def pytest_collection_modifyitems(items):
    """The slowest files first: at the end one of several workers would be left alone with them."""
    items.sort(key=lambda item: SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST))


@pytest.fixture
def pack(tmp_path):
    """A function that writes a prepared file: `images`, `labels`, `sources` map a split to (N, H, H), (N, K), (N,)."""

    def write(images, labels, *, names=("left", "top"), rows=None, sources=None, file="prepared.h5", study="tiny"):
        columns = {
            split: {
                "labels": labels[split],
                "image_id": [f"{split}/{n}.png" for n in range(len(labels[split]))],
                "patient_id": [f"{n // 2}" for n in range(len(labels[split]))],
                "source": sources[split] if sources else [study] * len(labels[split]),
            }
            for split in prepared.SPLITS
        }
        path, rows = tmp_path / file, np.arange(len(labels["train"])) if rows is None else rows
        size = images["train"].shape[1]
        about = {"study": study, "names": list(names), "size": size, "columns": columns, "rows": rows}
        prepared.create(path, **about, moments=prepared.moments([images["train"]]))
        for split in prepared.SPLITS:
            prepared.fill(path, split, [images[split]])
        return path

    return write


@pytest.fixture
def halves(pack):
    """A prepared file that is easy to learn: is the left half bright, is the top half bright; 16 × 16 pixels."""
    generator = np.random.default_rng(0)
    images, labels = {}, {}
    for split, count in {"train": 48, "dev": 32, "test": 4}.items():
        labels[split] = (np.arange(count)[:, None] // [1, 2] % 2).astype(np.float32)
        grey = generator.integers(60, 120, (count, 16, 16))
        grey[:, :, :8] += 60 * labels[split][:, 0, None, None].astype(int)
        grey[:, :8, :] += 60 * labels[split][:, 1, None, None].astype(int)
        images[split] = grey.astype(np.uint8)
    return pack(images, labels)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A clone in which the tiny study has run once, what DVC said, and each file that a stage opened. Never changed."""
    folder = tmp_path_factory.mktemp("finished")
    path, opened = clone_into(folder / "clone"), folder / "opened.txt"
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    said = dvc(path, "repro", PYTHONPATH=str(ROOT / "tests/opened"), OPENED=str(opened), **coverage)
    assert run(path, "git add . && git commit -qm baseline").returncode == 0
    return path, said, opened.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory):
    """A clone of a module's own in which the tiny study has run once."""
    return shutil.copytree(finished[0], tmp_path_factory.mktemp("module") / "clone", symlinks=True)


@pytest.fixture(scope="session")
def opened(finished):
    """The files of the clone by what was run (`stages.dump teacher`) and `r` or `w`."""
    clone, _, lines = finished
    files = defaultdict(set)
    for what, how, path in (line.split("\t") for line in lines):
        if Path(path).is_relative_to(clone):
            file = re.sub(r"__pycache__/(\w+)\.cpython-\d+\.pyc(\.\d+)?$", r"\1.py", str(Path(path).relative_to(clone)))
            files[what, how].add(file)
    return files
