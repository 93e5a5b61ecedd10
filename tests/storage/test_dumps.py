"""Dumps: outputs come back as they were written, and those of another network are refused."""

import os
import time

import h5py
import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.storage import dumps
from rayling.storage.dumps import DumpWriter

NAMES = ["Kälte", "Fieber"]
IDS = np.array(["a/1.png", "ü/2.png", "患者/3.png", "b/4.png", "b/5.png"])
RECIPE = {"seed": 0, "count": 3, "rotate": 7.0}
CHANNELS, GRID = (4, 6, 8), 2


def outputs() -> tuple[np.ndarray, list[np.ndarray]]:
    """Random logits (N, V, K) and feature maps (N, V, C, g, g)."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((5, 3, 2), np.float32)
    return logits, [rng.standard_normal((5, 3, width, GRID, GRID), np.float32) for width in CHANNELS]


def write(path, *, done: bool = True):
    """A dump of `outputs`, written in two uneven blocks of rows that do not follow one another."""
    dumps.create(
        path, network=path.stem, names=NAMES, image_id=IDS, recipe=RECIPE, channels=CHANNELS, grid=GRID, weights="abc"
    )
    logits, features = outputs()
    with DumpWriter(path) as dump:
        for rows in (np.array([1, 3]), np.array([0, 2, 4])) if done else (np.arange(1, 2),):
            dump.put(rows, logits[rows], [level[rows] for level in features])
    return path


@pytest.fixture
def written(tmp_path):
    return write(tmp_path / "teacher.h5")


def read(path, *, names=NAMES, recipe=RECIPE, image_id=IDS):
    return dumps.read(path, names=names, recipe=recipe, image_id=image_id)


def test_rows_come_back_in_any_view_as_they_were_written(written):
    rows, (logits, features) = np.array([4, 0, 4, 2]), outputs()
    for view in (0, 1, 2, np.array([2, 0, 1, 1])):
        found, levels = read(written).at(rows, view)
        assert np.array_equal(found, logits[rows, view])
        for level, expected in zip(levels, features, strict=True):
            assert level.dtype == np.float16
            assert np.array_equal(level, expected[rows, view].astype(np.float16))


def test_feature_maps_lose_no_more_than_half_precision(written):
    _, levels = read(written).at(np.arange(5), 1)
    for level, exact in zip(levels, outputs()[1], strict=True):
        assert (np.abs(level - exact[:, 1]) <= np.abs(exact[:, 1]) * 2**-11 + 2**-25).all()


def test_plain_h5py_finds_the_same_content_contiguous_and_uncompressed(written):
    dump = read(written)
    with h5py.File(written) as file:
        assert np.array_equal(file["logits"][...], dump.logits)
        for number, level in enumerate(dump.levels, 1):
            stored = file[f"level{number}"]
            assert (stored.chunks, stored.compression, stored.dtype) == (None, None, np.float16)
            assert np.array_equal(stored[...], level)
        assert [name.decode() for name in file["image_id"]] == IDS.tolist()
        assert file["done"][...].all()
        assert file.attrs["weights"].decode() == "abc"


def test_a_dump_under_the_name_of_another_network_is_refused(written):
    with pytest.raises(BadInput, match="found outputs of the network 'teacher', expected those of 'assistant'"):
        read(written.rename(written.with_name("assistant.h5")))


def test_the_empty_dump_has_no_outputs_and_fits_any_views(tmp_path):
    path = tmp_path / "labels.h5"
    dumps.create(path, names=NAMES, image_id=IDS)
    assert read(path, recipe={"seed": 9, "count": 1}).empty
    assert read(path).at(np.array([0, 1]), 2) is None


def test_a_dump_with_outputs_is_not_empty(written):
    assert not read(written).empty


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": NAMES[::-1]}, "Fieber"),
        ({"recipe": RECIPE | {"rotate": 8.0}}, "8.0"),
        ({"recipe": RECIPE | {"seed": 1}}, '"seed": 1'),
        ({"image_id": IDS[::-1]}, "5"),
        ({"image_id": IDS[:4]}, "4"),
    ],
)
def test_a_dump_of_something_else_is_refused(written, wrong, message):
    with pytest.raises(BadInput) as caught:
        read(written, **wrong)
    assert message in str(caught.value)
    assert str(written) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_empty_dump_of_other_images_is_refused(tmp_path):
    path = tmp_path / "labels.h5"
    dumps.create(path, network=path.stem, names=NAMES, image_id=IDS[::-1])
    with pytest.raises(BadInput, match=r"labels\.h5"):
        read(path)


def test_the_order_in_which_a_recipe_is_written_does_not_matter(written):
    assert not read(written, recipe=dict(reversed(RECIPE.items()))).empty


def test_an_unfinished_dump_is_refused_with_the_number_of_images_to_do(tmp_path):
    path = write(tmp_path / "teacher.h5", done=False)
    with pytest.raises(BadInput, match="4 images are not done"):
        read(path)


def test_a_file_that_is_no_dump_is_named_in_one_line(tmp_path, halves):
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    for path in (text, tmp_path / "absent.h5", halves):
        with pytest.raises(BadInput) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_same_outputs_at_another_time_give_the_same_bytes(tmp_path, written):
    time.sleep(1.1)  # HDF5 stamps whole seconds
    (tmp_path / "again").mkdir()
    assert write(tmp_path / "again/teacher.h5").read_bytes() == written.read_bytes()


def test_an_image_whose_outputs_did_not_reach_the_disk_is_not_done(tmp_path, monkeypatch):
    path = tmp_path / "teacher.h5"
    dumps.create(path, network=path.stem, names=NAMES, image_id=IDS, recipe=RECIPE, channels=CHANNELS, grid=GRID)
    logits, features = outputs()
    monkeypatch.setattr(dumps, "SYNC_BYTES", 0)

    def put(dump, rows):
        dump.put(rows, logits[rows], [level[rows] for level in features])

    def disk_full(_):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"), DumpWriter(path) as dump:
        put(dump, np.arange(0, 2))
        monkeypatch.setattr(os, "fsync", disk_full)
        put(dump, np.arange(2, 5))
    assert dumps.Dump(path).done.tolist() == [True, True, False, False, False]
