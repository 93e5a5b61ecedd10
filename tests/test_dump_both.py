"""Teacher and assistant joined: what an ensemble of the two would have said."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from distill import dumps, prepared
from distill.errors import BadInput
from distill.filler import Filler
from stages import dump_both

ROOT = Path(__file__).parents[1]
RECIPE = {"seed": 0, "count": 2, "rotate": 7.0}
CHANNELS = {"teacher": (4, 6, 8), "assistant": (2, 3, 5)}


@pytest.fixture
def said(halves, tmp_path, monkeypatch):
    """Two dumps beside the prepared data, and a function that runs the stage; their arrays."""
    train, rng, arrays = prepared.read(halves, "train"), np.random.default_rng(0), {}
    (tmp_path / "data/dumps").mkdir(parents=True)
    halves.rename(tmp_path / "data/prepared.h5")
    monkeypatch.chdir(tmp_path)
    for name, channels in CHANNELS.items():
        path = f"data/dumps/{name}.h5"
        dumps.create(
            path, network=name, names=train.names, image_id=train.image_id, recipe=RECIPE, channels=channels, grid=3
        )
        shapes = [(48, 2, 2), *((48, 2, width, 3, 3) for width in channels)]
        with Filler(path) as dump:
            logits, *features = (rng.normal(size=shape) for shape in shapes)
            dump.put(slice(0, 48), logits, features)
        arrays[name] = dumps.Dump(path)

    def run(learn_from):
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content | {"learn_from": learn_from}))
        dump_both.main()
        return dumps.read("data/dumps/both.h5", names=train.names, recipe=RECIPE, image_id=train.image_id)

    return run, arrays["teacher"], arrays["assistant"]


def test_together_they_say_the_mean_and_show_all_their_maps(said):
    run, teacher, assistant = said
    rows, view = np.array([47, 0, 20]), np.array([1, 0, 1])
    logits, levels = run("both").at(rows, view)
    (one, of_one), (two, of_two) = teacher.at(rows, view), assistant.at(rows, view)
    np.testing.assert_allclose(logits, (one + two) / 2, rtol=1e-6)
    for level, first, second in zip(levels, of_one, of_two, strict=True):
        assert np.array_equal(level, np.concatenate([first, second], axis=1))


@pytest.mark.parametrize("learn_from", ["labels", "teacher", "assistant"])
def test_for_another_lesson_the_dump_is_empty_and_always_the_same(said, learn_from, tmp_path):
    run, _, _ = said
    assert run(learn_from).empty
    first = (tmp_path / "data/dumps/both.h5").read_bytes()
    run("both")
    run("labels")
    assert (tmp_path / "data/dumps/both.h5").read_bytes() == first


def test_an_unfinished_dump_is_refused_and_nothing_is_written(said, tmp_path):
    run, *_ = said
    with h5py.File("data/dumps/assistant.h5", "r+") as file:
        file["done"][3] = False
    with pytest.raises(BadInput, match=r"assistant\.h5: 1 images are not done"):
        run("both")
    assert not (tmp_path / "data/dumps/both.h5").exists()
