"""The reader `medmnist` on archives as MedMNIST writes them."""

import io
import zipfile

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.preparation.readers.medmnist import CHEST, archived_images, medmnist

COUNTS = {"train": 300, "val": 4, "test": 5}  # train is longer than one block


def write(path, *, columns, most=1, save=np.savez_compressed, size=(28, 28), **changed):
    """An archive of random pixels; `changed` replaces arrays by name, or drops those that are None."""
    rng = np.random.default_rng(0)
    arrays = {}
    for key, count in COUNTS.items():
        arrays[f"{key}_images"] = rng.integers(0, 256, (count, *size), np.uint8)
        arrays[f"{key}_labels"] = rng.integers(0, most + 1, (count, columns), np.uint8)
    arrays = {name: array for name, array in (arrays | changed).items() if array is not None}
    save(path, **arrays)
    return arrays


def refusal(root, file="chestmnist.npz", *, labels=CHEST, classes=None):
    with pytest.raises(BadInput) as caught:
        medmnist(root, labels=labels, classes=classes or {}, file=file)
        list(archived_images(root, file, [f"{file}/{key}/000000" for key in COUNTS]))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["chestmnist.npz", "chestmnist_64.npz", "chestmnist_224.npz"])
def test_fourteen_labels_and_the_official_splits(tmp_path, name):
    arrays = write(tmp_path / name, columns=14)
    table = medmnist(tmp_path, labels=CHEST, classes={}, file=name)
    assert table["split"].tolist() == ["train"] * 300 + ["dev"] * 4 + ["test"] * 5
    expected = np.concatenate([arrays[f"{key}_labels"] for key in COUNTS])
    np.testing.assert_array_equal(table[CHEST], expected)
    assert table["image"].iloc[[0, 299, 300, 304]].tolist() == [
        f"{name}/{image}" for image in ("train/000000", "train/000299", "val/000000", "test/000000")
    ]
    assert table["image"].is_unique and table["patient"].is_unique


def test_pneumonia_as_two_classes_of_the_study(tmp_path):
    arrays = write(tmp_path / "pneumoniamnist.npz", columns=1)
    labels, classes = ["COVID-19", "Ill", "Well"], {"normal": "Well", "pneumonia": "Ill"}
    table = medmnist(tmp_path, labels=labels, classes=classes, file="pneumoniamnist.npz")
    ill = np.concatenate([arrays[f"{key}_labels"][:, 0] for key in COUNTS])
    np.testing.assert_array_equal(table["Ill"], ill)
    np.testing.assert_array_equal(table["Well"], 1 - ill)
    assert table["COVID-19"].isna().all()


def test_labels_in_one_dimension_are_classes_too(tmp_path):
    flat = {f"{key}_labels": np.arange(count) % 2 for key, count in COUNTS.items()}
    write(tmp_path / "pneumoniamnist.npz", columns=1, **flat)
    table = medmnist(tmp_path, labels=["normal", "pneumonia"], classes={}, file="pneumoniamnist.npz")
    np.testing.assert_array_equal(table["pneumonia"], np.concatenate(list(flat.values())))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("size", [(28, 28), (6, 6, 3)])
def test_the_wanted_images_come_in_order(tmp_path, save, size):
    arrays = write(tmp_path / "chestmnist.npz", columns=14, save=save, size=size)
    wanted = ["chestmnist.npz/train/000003", "chestmnist.npz/train/000299", "chestmnist.npz/test/000001"]
    found = list(archived_images(tmp_path, "chestmnist.npz", wanted))
    expected = [arrays["train_images"][3], arrays["train_images"][299], arrays["test_images"][1]]
    np.testing.assert_array_equal(found, expected)


def test_other_files_are_refused_in_one_line(tmp_path):
    assert "no such file" in refusal(tmp_path)
    with zipfile.ZipFile(tmp_path / "chestmnist.npz", "w") as archive:
        archive.writestr("train_labels.npy", b"\x93NUMPY\x01\x00\x06\x00(((((\n")
    assert "expected MedMNIST's archive" in refusal(tmp_path)
    (tmp_path / "chestmnist.npz").write_text("not a zip")
    assert "expected MedMNIST's archive" in refusal(tmp_path)
    write(tmp_path / "pathmnist.npz", columns=1)
    line = refusal(tmp_path, "pathmnist.npz")
    assert line.endswith("expected a file named chestmnist[_size].npz or pneumoniamnist[_size].npz")
    write(tmp_path / "pneumoniamnist.npz", columns=1)
    line = refusal(tmp_path, "pneumoniamnist.npz", labels=["Well"], classes={"norml": "Well"})
    assert line.endswith("found no class 'norml'; the nearest is 'normal'")


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"val_labels": None}, "val_labels.npy"),
        ({"val_images": None}, "val_images.npy"),
        ({"test_labels": np.zeros((5, 3), np.uint8)}, "test_labels is uint8 (5, 3), expected integers"),
        ({"test_labels": np.zeros((5, 14))}, "test_labels is float64"),
        ({"test_labels": np.full((5, 14), 2)}, "test_labels has 2 to 2, expected 0 to 1"),
        ({"test_labels": np.zeros((4, 14), np.uint8)}, "test has 5 images and 4 labels"),
        ({"train_images": np.zeros((300, 8, 8), np.uint16)}, "train_images is uint16"),
        ({"train_images": np.zeros((300, 8), np.uint8)}, "train_images is uint8 (300, 8)"),
        ({"train_images": np.zeros((300, 4, 4, 4), np.uint8)}, "train_images is uint8 (300, 4, 4, 4)"),
        ({"train_images": np.asfortranarray(np.zeros((300, 8, 8), np.uint8))}, "row by row"),
    ],
)
def test_arrays_of_another_shape_or_type_are_refused_in_one_line(tmp_path, changed, found):
    write(tmp_path / "chestmnist.npz", columns=14, **changed)
    assert found in refusal(tmp_path)


def test_pickled_objects_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    labels = np.empty((5, 14), object)
    labels[:] = Bomb()
    write(tmp_path / "chestmnist.npz", columns=14, test_labels=labels)
    assert "test_labels is object (5, 14), expected plain numbers" in refusal(tmp_path)


def test_a_header_that_declares_more_than_the_file_holds_takes_no_memory(tmp_path):
    write(tmp_path / "chestmnist.npz", columns=14, train_images=None)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (300, 28, 28)})
    with zipfile.ZipFile(tmp_path / "chestmnist.npz", "a") as archive:
        archive.writestr("train_images.npy", header.getvalue() + bytes(1000))
    assert "1000 of 200704 bytes" in refusal(tmp_path)
