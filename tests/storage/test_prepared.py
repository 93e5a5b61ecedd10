"""Prepared data: images, labels and names are read as they were written."""

import time

import h5py
import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.storage import prepared

IDS = ["patient1/Größe.png", "患者/画像.png", "p/" + "long" * 20]
LABELS = np.array([[1, 0], [np.nan, 1], [0, np.nan]], np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)


def write(path, *, count: int = 3, size: int = 8, strata=None, moments=(0.5, 0.25), **about):
    """A prepared file without dev images, laid out but not filled."""
    train = {
        "labels": LABELS,
        "image_id": IDS,
        "patient_id": ["1", "ü", "3"],
        "group": ["1", "ü", "ü"],
        "source": ["a", "b", "b"],
        "sex": ["female", "", "male"],
        "age": [0.5, np.nan, 90],
        "view": ["", "PA", "AP"],
    } | about
    none = dict.fromkeys((*prepared.COLUMNS, "age"), ()) | {"labels": np.zeros((0, 2))}
    repeated = {name: [column[n % 3] for n in range(count)] for name, column in train.items()}
    columns = {"train": repeated, "dev": none, "test": train}
    settings = {"study": "tiny", "names": ["Kälte", "Fieber"], "exclusive": True, "size": size}
    prepared.create(path, **settings, columns=columns, strata=strata or (np.arange(count) % 2, [7, 1]), moments=moments)


@pytest.fixture
def filled(tmp_path):
    path = tmp_path / "prepared.h5"
    write(path, moments=prepared.moments([PIXELS[:2], PIXELS[2:]]))
    prepared.fill(path, "train", [PIXELS[:2], PIXELS[2:]])
    prepared.fill(path, "test", [PIXELS[::-1]])
    return path


def test_what_is_written_is_read(filled):
    train, test = prepared.read(filled, "train"), prepared.read(filled, "test")
    assert np.array_equal(train.images, PIXELS)
    assert np.array_equal(test.images, PIXELS[::-1])
    assert np.array_equal(train.labels, LABELS, equal_nan=True)
    assert train.image_id.tolist() == IDS
    assert train.patient_id.tolist() == ["1", "ü", "3"]
    assert train.source.tolist() == ["a", "b", "b"]
    assert (train.sex.tolist(), train.view.tolist()) == (["female", "", "male"], ["", "PA", "AP"])
    np.testing.assert_array_equal(train.age, np.float32([0.5, np.nan, 90]))
    assert (train.stratum.tolist(), train.wanted.tolist()) == ([0, 1, 0], [7, 1])
    assert (test.stratum.tolist(), test.wanted.tolist()) == ([0, 0, 0], [3])
    assert (train.names, train.size, train.study, train.exclusive) == (["Kälte", "Fieber"], 8, "tiny", True)


def test_an_empty_split_keeps_its_shapes(filled):
    dev = prepared.read(filled, "dev")
    assert dev.images.shape == (0, 8, 8)
    assert dev.labels.shape == (0, 2)
    assert len(dev.image_id) == len(dev.stratum) == len(dev.patient_id) == len(dev.age) == dev.wanted.sum() == 0


def test_plain_h5py_finds_the_same_content_contiguous_and_uncompressed(filled):
    train = prepared.read(filled, "train")
    with h5py.File(filled) as file:
        images = file["train/images"]
        assert images.chunks is None
        assert images.compression is None
        assert np.array_equal(images[...], train.images)
        assert np.array_equal(file["train/labels"][...], train.labels, equal_nan=True)
        assert [name.decode() for name in file["train/image_id"]] == IDS
        assert file["train/stratum"][...].tolist() == [0, 1, 0] and file["train/wanted"][...].tolist() == [7, 1]


def test_mean_and_deviation_of_train_are_those_of_numpy(filled):
    train = prepared.read(filled, "train")
    assert train.mean == pytest.approx((PIXELS / 255).mean(), abs=1e-12)
    assert train.std == pytest.approx((PIXELS / 255).std(), abs=1e-12)


def test_images_take_no_disk_until_they_are_filled(tmp_path):
    path = tmp_path / "prepared.h5"
    write(path, count=200, size=512)
    assert path.stat().st_size > 200 * 512 * 512
    assert path.stat().st_blocks * 512 < 1e6


def test_the_same_data_at_another_time_give_the_same_bytes(tmp_path, filled):
    time.sleep(1.1)  # HDF5 stamps whole seconds
    again = tmp_path / "again.h5"
    write(again, moments=prepared.moments([PIXELS]))
    prepared.fill(again, "train", [PIXELS])
    prepared.fill(again, "test", [PIXELS[::-1]])
    assert again.read_bytes() == filled.read_bytes()


def text(path):
    path.write_text("Path,Cardiomegaly\n")


def other_format(path):
    with h5py.File(path, "w") as file:
        file.attrs["format"] = 99


def no_groups(path):
    with h5py.File(path, "w") as file:
        file.attrs["format"] = prepared.FORMAT


@pytest.mark.parametrize("make", [text, other_format, no_groups, lambda path: None])
def test_another_file_is_refused_in_one_line(tmp_path, make):
    path = tmp_path / "prepared.h5"
    make(path)
    with pytest.raises(BadInput) as caught:
        prepared.read(path, "train")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("moments", [(np.nan, 0.2), (1.5, 0.2), (0.5, 0)])
def test_an_impossible_mean_or_deviation_is_refused(tmp_path, moments):
    path = tmp_path / "prepared.h5"
    write(path, moments=moments)
    with pytest.raises(BadInput, match="mean"):
        prepared.read(path, "train")


@pytest.mark.parametrize(
    ("strata", "line"),
    [
        (([0, 2, 0], [1, 1]), "found strata 0 to 2, expected some of 2"),
        (([0, -1, 0], [1, 1]), "found strata -1 to 0, expected some of 2"),
        (([0, 0, 0], [3, 1]), "found 1 rows of stratum 1 wanted, which has 0"),  # drawn from nothing
        (([0, 1, 0], [3, 0]), "found 0 rows of stratum 1 wanted, which has 1"),  # never drawn
        (([0, 1, 0], [-3, 1]), "found -3 rows of stratum 0 wanted, which has 2"),
    ],
)
def test_strata_that_no_epoch_can_be_drawn_from_are_refused(tmp_path, strata, line):
    path = tmp_path / "prepared.h5"
    write(path, strata=strata)
    with pytest.raises(BadInput, match=f"{path}: {line}"):
        prepared.read(path, "train")


@pytest.mark.parametrize(
    ("about", "line"),
    [
        ({"sex": ["female", "", "f"]}, "found sex 'f', expected female or male or none"),
        ({"view": ["", "PA", "AP Supine"]}, "found view 'AP Supine', expected AP or PA or none"),
        ({"age": [0, 120.5, 90]}, "found age 120.5, expected 0 to 120 years or NaN"),
        ({"age": [0, np.inf, 90]}, "found age inf"),
        ({"age": [-1, np.nan, 90]}, "found age -1.0"),
    ],
)
def test_a_sex_an_age_or_a_view_that_no_reader_gives_is_refused(tmp_path, about, line):
    path = tmp_path / "prepared.h5"
    write(path, **about)
    with pytest.raises(BadInput, match=f"{path}: {line}"):
        prepared.read(path, "train")


@pytest.mark.parametrize("name", ["sex", "age", "view"])
def test_a_file_that_lacks_one_of_them_is_refused(filled, name):
    with h5py.File(filled, "r+") as file:
        del file[f"test/{name}"]
    prepared.read(filled, "train")
    with pytest.raises(BadInput, match=f"{filled}: test/{name}"):
        prepared.read(filled, "test")


LARGER = np.random.default_rng(1).integers(0, 256, (3, 12, 12), dtype=np.uint8)


def write_pixels(path, image_id):
    """The images of `filled` at 12 × 12 pixels."""
    prepared.create_pixels(path, size=12, image_id=image_id, moments=prepared.moments([LARGER]))
    prepared.fill(path, "train", [LARGER])
    prepared.fill(path, "test", [LARGER[::-1]])
    return path


def test_a_network_with_a_size_of_its_own_reads_its_own_pixels_and_their_moments(tmp_path, filled):
    pixels = write_pixels(tmp_path / "teacher.h5", {"train": IDS, "dev": [], "test": IDS})
    for split, images in {"train": LARGER, "dev": LARGER[:0], "test": LARGER[::-1]}.items():
        plain, found = prepared.read(filled, split), prepared.read(filled, split, pixels)
        assert np.array_equal(found.images, images) and found.size == 12
        assert found.mean == pytest.approx((LARGER / 255).mean()) and found.std == pytest.approx((LARGER / 255).std())
        for name in ("labels", "image_id", "patient_id", "group", "source", "sex", "age", "view", "stratum", "wanted"):
            nan = name in ("labels", "age")
            assert np.array_equal(getattr(found, name), getattr(plain, name), equal_nan=nan)


def test_an_empty_file_of_pixels_is_tiny_and_stands_for_the_prepared_images(tmp_path, filled):
    prepared.create_no_pixels(tmp_path / "student.h5")
    found = prepared.read(filled, "train", tmp_path / "student.h5")
    assert np.array_equal(found.images, PIXELS) and found.mean == prepared.read(filled, "train").mean
    assert (tmp_path / "student.h5").stat().st_size < 1000


def test_pixels_of_other_images_are_refused_in_one_line(tmp_path, filled):
    pixels = write_pixels(tmp_path / "teacher.h5", {"train": IDS, "dev": [], "test": IDS[::-1]})
    prepared.read(filled, "train", pixels)
    with pytest.raises(BadInput, match=f"{pixels}: its 3 images are not the 3 of the test split"):
        prepared.read(filled, "test", pixels)
    with pytest.raises(BadInput, match=f"{filled}: found format 4, expected pixels of format 1"):
        prepared.read(filled, "train", filled)
