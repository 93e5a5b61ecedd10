"""The audit finds a dump that does not match its network, and no other."""

import json

import h5py
import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.experiments import audit
from rayling.networks import weights
from rayling.runtime import inference
from rayling.runtime.loader import Batches
from rayling.storage import arrays, dumps
from rayling.storage.dumps import DumpWriter

CPU = torch.device("cpu")
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
FEATURES = {"levels": [1, 2, 3], "grid": 2}


@pytest.fixture
def made(halves, tmp_path):
    """A network, its dump of three views, and the prepared data: a function that audits them."""
    train = Batches(halves, "train", device=CPU, views=VIEWS, count=3, seed=5)
    header = weights.Header.of(train.split, network="student", backbones=[])
    torch.manual_seed(0)
    network = weights.build(header, grid=2)
    weights.save(tmp_path / "student.safetensors", network, header)
    dumps.create(
        tmp_path / "student.h5",
        network="student",
        names=train.split.names,
        image_id=train.split.image_id,
        recipe=train.recipe,
        channels=[64, 64, 128],
        grid=2,
        weights=weights.digest(network),
    )
    with DumpWriter(tmp_path / "student.h5") as dump:
        for rows, logits, features in inference.outputs(network, train, views=3, batch_size=7):
            dump.put(rows, logits.numpy(), [maps.numpy() for maps in features])

    def run():
        return audit.audit(tmp_path / "student.h5", tmp_path / "student.safetensors", halves, **FEATURES, device=CPU)

    return run, tmp_path


def test_a_dump_differs_from_its_network_by_rounding_alone(made):
    run, _ = made
    found = run()
    assert list(found) == ["logits", "level1", "level2", "level3"]
    assert found["logits"] < 1e-4 and max(found.values()) < audit.TOLERANCE / 2


@pytest.mark.parametrize("wrong", ["views", "images"])
def test_outputs_of_another_view_or_image_are_found(made, wrong):
    run, folder = made
    with h5py.File(folder / "student.h5", "r+") as file:
        for name in ("logits", "level1", "level2", "level3"):
            file[name][...] = np.roll(file[name][...], 1, axis=1 if wrong == "views" else 0)
    assert min(run().values()) > 10 * audit.TOLERANCE


@pytest.mark.parametrize("level", [0, 2])
def test_a_nan_is_a_difference(made, level):
    run, folder = made
    assert audit.within_tolerance(run())
    with h5py.File(folder / "student.h5", "r+") as file:
        file[f"level{level + 1}"][3] = np.nan
    assert not audit.within_tolerance(run())


def test_half_precision_is_no_difference_however_large_the_number():
    now = torch.tensor([45.03, 0.5, -0.25, 0.125])
    assert audit.difference(now.half().numpy(), now) == 0
    assert audit.difference((now + 1).half().numpy(), now) > audit.TOLERANCE


def test_other_weights_are_refused_by_name(made):
    run, folder = made
    with h5py.File(folder / "student.h5", "r+") as file:
        arrays.write_attributes(file, weights="0" * 64)
    with pytest.raises(BadInput, match=r"student\.h5: was made with other weights than those of .*student\."):
        run()


def test_the_recipe_is_the_one_in_the_dump(made):
    run, folder = made
    with h5py.File(folder / "student.h5", "r+") as file:
        recipe = json.loads(arrays.read_attribute(file, "recipe", str)) | {"seed": 6}
        arrays.write_attributes(file, recipe=json.dumps(recipe, sort_keys=True))
    assert run()["logits"] > 10 * audit.TOLERANCE
