"""Small data that several tests share. Nothing here is larger than a thumbnail."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before timm is imported: no test may wait for a network
os.environ.pop("HF_HUB_CACHE", None)
os.environ["HF_HOME"] = "/nonexistent"  # nor pass because somebody once downloaded weights

import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from rayling.storage import prepared
from tests.tiny import ROOT, clone_into, dvc, fingerprint, heard, run

KEPT = 2  # finished studies, this one and the one before


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what needs a browser, and keep two workers busy: each takes one file after another.

    The longest file comes first and builds the finished study; meanwhile the other worker takes what needs none.
    """
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker("web")
    need_study = {item.path.stem for item in items if "finished" in item.fixturenames} - {"test_experiments"}
    items.sort(key=lambda item: (item.path.stem in need_study, item.path.stem != "test_experiments"))


def pytest_configure(config):
    """Of all workers the controller alone reads the checkout, which may change meanwhile."""
    worker = getattr(config, "workerinput", None)
    config.fingerprint = worker["fingerprint"] if worker else fingerprint()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Hand it to a worker of xdist."""
    node.workerinput["fingerprint"] = node.config.fingerprint


@pytest.fixture
def pack(tmp_path):
    """A function that writes a prepared file: `images`, `labels`, `sources` and `sexes` map a split to (N, H, H),
    (N, K), (N,) and (N,)."""

    def write(
        images, labels, *, names=("left", "top"), strata=None, sources=None, sexes=None, exclusive=False, study="tiny"
    ):
        columns = {
            split: {
                "labels": labels[split],
                "image_id": [f"{split}/{n}.png" for n in range(len(labels[split]))],
                "patient_id": [f"{n // 2}" for n in range(len(labels[split]))],
                "group": [f"{n // 2}" for n in range(len(labels[split]))],
                "source": sources[split] if sources else [study] * len(labels[split]),
                "sex": sexes[split] if sexes else [""] * len(labels[split]),
                "age": np.full(len(labels[split]), np.nan),
                "view": [""] * len(labels[split]),
            }
            for split in prepared.SPLITS
        }
        path, count, size = tmp_path / "prepared.h5", len(labels["train"]), images["train"].shape[1]
        strata = (np.zeros(count), [count]) if strata is None else strata
        about = {"study": study, "names": list(names), "exclusive": exclusive, "size": size, "columns": columns}
        prepared.create(path, **about, strata=strata, moments=prepared.moments([images["train"]]))
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
def finished(request):
    """A clone in which the tiny study has run once by `dvc repro`, and its output. No test may change it.

    Returns the clone, what DVC printed and a line for each file that a stage opened (tests/opened). It is made once for
    all workers, and again when a file changes that decides what comes out: `pytest --cache-clear` forgets it.
    """
    store = request.config.cache.mkdir("finished")
    folder = store / request.config.fingerprint
    with FileLock(store / "lock"):
        if not (folder / "output.txt").exists():
            build(folder, request.config.fingerprint)
        for old in sorted(store.glob("*/output.txt"), key=lambda file: file.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old.parent)
    output, opened = ((folder / name).read_text(encoding="utf-8") for name in ("output.txt", "opened.txt"))
    return folder / "clone", output, opened.splitlines()


def build(folder: Path, expected: str) -> None:
    """Run the tiny study in `folder`/clone. Raises AssertionError if the checkout is no longer what it was."""
    shutil.rmtree(folder, ignore_errors=True)
    clone = clone_into(folder / "clone")
    assert fingerprint() == expected, "a file has changed since the tests began: start them again"
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    output = dvc(clone, "repro", PYTHONPATH=str(ROOT / "tests/opened"), OPENED=str(folder / "opened.txt"), **coverage)
    assert run(clone, "git add . && git commit -qm baseline").returncode == 0
    (folder / "output.txt").write_text(output, encoding="utf-8")


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory):
    """A clone of a module's own in which the tiny study has run once."""
    return shutil.copytree(finished[0], tmp_path_factory.mktemp("module") / "clone", symlinks=True)


@pytest.fixture(scope="session")
def opened(finished):
    """The files of the clone by what was run (`stages.dump teacher`) and `r` or `w`."""
    clone, _, lines = finished
    return heard(clone, lines)
