"""The audit finds a dump that does not match its network, and no other."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.dumping import fill, networks
from rayling.experiments import audit
from rayling.networks import weights
from rayling.runtime.loader import Batches
from rayling.storage import arrays, dumps, prepared
from rayling.teaching import folds

CPU = torch.device("cpu")
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
PATH = "data/dumps/teacher.h5"
FEATURES = {"levels": [1, 2, 3], "grid": 2}


@pytest.fixture
def made(halves, tmp_path, monkeypatch):
    """A network, its dump of three views, and the prepared data: a function that audits them."""
    monkeypatch.chdir(tmp_path)
    for folder in ("models/folds", "dumps", "pixels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    halves.rename("data/prepared.h5")
    prepared.create_no_pixels("data/pixels/teacher.h5")
    train = Batches("data/prepared.h5", "train", device=CPU, views=VIEWS, count=3, seed=5)
    save("data/models/teacher.safetensors", train, seed=0)
    dump(train)
    return lambda folds=1: audit.audit("teacher", folds=folds, **FEATURES, device=CPU)


def save(path: str, train: Batches, *, seed: int) -> None:
    """Save a network with random weights."""
    header = weights.Header.of(train.split, network=Path(path).stem, head=1)
    torch.manual_seed(seed)
    weights.save(path, weights.build(header, grid=2), header)


def dump(train: Batches, *, count: int = 1) -> None:
    """Dump the teacher, or those of the folds."""
    parts, about = networks.to_dump("teacher", train, count=count, seed=5, **FEATURES)
    fill.dump(PATH, parts, train, title="dump", grid=2, **about)


def test_a_dump_differs_from_its_network_by_rounding_alone(made):
    found = made()
    assert list(found) == ["logits", "level1", "level2", "level3"]
    assert found["logits"] < 1e-4 and max(found.values()) < audit.TOLERANCE / 2


@pytest.mark.parametrize("wrong", ["views", "images"])
def test_outputs_of_another_view_or_image_are_found(made, wrong):
    with h5py.File(PATH, "r+") as file:
        for name in ("logits", "level1", "level2", "level3"):
            file[name][...] = np.roll(file[name][...], 1, axis=1 if wrong == "views" else 0)
    assert min(made().values()) > 10 * audit.TOLERANCE


@pytest.mark.parametrize("level", [0, 2])
def test_a_nan_is_a_difference(made, level):
    assert audit.within_tolerance(made())
    with h5py.File(PATH, "r+") as file:
        file[f"level{level + 1}"][3] = np.nan
    assert not audit.within_tolerance(made())


def test_half_precision_is_no_difference_however_large_the_number():
    now = torch.tensor([45.03, 0.5, -0.25, 0.125])
    assert audit.difference(now.half().numpy(), now) == 0
    assert audit.difference((now + 1).half().numpy(), now) > audit.TOLERANCE


def test_other_weights_are_refused_by_name(made):
    with h5py.File(PATH, "r+") as file:
        arrays.write_attributes(file, weights="0" * 64)
    with pytest.raises(BadInput, match=r"teacher\.h5: was made with other weights than those of"):
        made()


def test_the_recipe_is_the_one_in_the_dump(made):
    with h5py.File(PATH, "r+") as file:
        recipe = json.loads(arrays.read_attribute(file, "recipe", str)) | {"seed": 6}
        arrays.write_attributes(file, recipe=json.dumps(recipe, sort_keys=True))
    assert made()["logits"] > 10 * audit.TOLERANCE


def test_with_folds_each_image_is_dumped_by_the_network_that_never_saw_it(made):
    train = Batches("data/prepared.h5", "train", device=CPU, views=VIEWS, count=3, seed=5)
    for number in range(3):
        save(f"data/models/folds/fold-{number}.safetensors", train, seed=number + 1)
    with pytest.raises(BadInput, match="was made with other weights"):
        made(folds=3)
    dump(train, count=3)
    assert max(made(folds=3).values()) < audit.TOLERANCE / 2
    fold, dumped = folds.of_images(train.split, folds=3, seed=5), dumps.Dump(PATH)
    for number in range(3):
        network, _ = weights.load(folds.files(3)[number], split=train.split)
        row = int(np.flatnonzero(fold == number)[0])
        with torch.inference_mode():
            logits = network(train.batch(np.array([row]), 1).images).logits[0]
        assert np.allclose(dumped.logits[row, 1], logits, atol=1e-4)
