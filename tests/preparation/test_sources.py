"""Several sources in one study: names, exclusive labels, and images that are in no source."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.config import sources as config_sources
from rayling.config.sources import Classes, MedMNIST, PlainCSV
from rayling.images import reading
from rayling.preparation import sources
from rayling.preparation.readers.plain_csv import KEYS

LABELS = ["Normal", "Ill", "Worse"]


def folders(**settings):
    return Classes(reader="class_folders", **{"classes": {"ok": "Normal", "bad": "Ill"}} | settings)


def data(*given, exclusive=True):
    return SimpleNamespace(sources=list(given), labels=LABELS, exclusive=exclusive)


@pytest.fixture
def root(tmp_path):
    """Two sources and a picture that belongs to neither."""
    for name in ("kids/ok/a.png", "kids/bad/b.png", "kids/notes/c.png", "adults/x/d.png", "adults/x/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / name)
    (tmp_path / "adults/list.csv").write_text("image,Worse,source\nx/d.png,1,north\nx/e.png,0,\n")
    return tmp_path


ADULTS = PlainCSV(reader="plain_csv", folder="adults", file="list.csv", classes={"Worse": "Worse"})


def test_paths_sources_and_labels_of_two_layouts_in_one_table(root):
    table = sources.read(root, data(folders(folder="kids"), ADULTS, exclusive=False), study="mix")
    assert table["image"].tolist() == ["kids/bad/b.png", "kids/ok/a.png", "adults/x/d.png", "adults/x/e.png"]
    assert table["source"].tolist() == ["kids", "kids", "north", "adults"]
    nan = np.nan
    np.testing.assert_array_equal(table[LABELS], [[0, 1, nan], [1, 0, nan], [nan, nan, 1], [nan, nan, 0]])


def test_exclusive_labels_are_all_known_once_one_is(root):
    table = sources.read(root, data(folders(folder="kids"), ADULTS), study="mix")
    nan = np.nan
    np.testing.assert_array_equal(table[LABELS], [[0, 1, 0], [1, 0, 0], [0, 0, 1], [nan, nan, 0]])
    (root / "adults/list.csv").write_text("image,Worse,Ill\nx/d.png,1,1\n")
    both = ADULTS.model_copy(update={"classes": {"Worse": "Worse", "Ill": "Ill"}})
    with pytest.raises(BadInput, match=r"adults/x/d.png: found with Ill, Worse, expected one of them: data.exclusive"):
        sources.read(root, data(both), study="mix")


def test_an_unlabelled_source_gives_every_image_to_train_and_needs_no_classes(root):
    (root / "adults/list.csv").write_text("image,split\nx/d.png,test\nx/e.png,\n")
    adults = ADULTS.model_copy(update={"classes": {}, "unlabelled": True})
    table = sources.read(root, data(folders(folder="kids"), adults), study="mix")
    assert table["image"].tolist() == ["kids/bad/b.png", "kids/ok/a.png", "adults/x/d.png", "adults/x/e.png"]
    assert table["unlabelled"].tolist() == [False, False, True, True]
    assert table["split"].tolist() == ["", "", "train", "train"]
    assert table[LABELS].isna().all(axis=1).tolist() == [False, False, True, True]
    assert (table[LABELS].dtypes == np.float32).all()


@pytest.mark.parametrize(
    ("classes", "images"),
    [
        ({}, ["bad/b.png", "flat.png", "notes/c.png", "ok/a.png"]),
        ({"ok": "Normal", "bad": ""}, ["bad/b.png", "ok/a.png"]),  # what a class is called does not matter
    ],
)
def test_of_folders_without_labels_all_images_count_or_those_of_the_classes(root, classes, images):
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(root / "kids/flat.png")
    kids = folders(folder="kids", classes=classes, unlabelled=True)
    table = sources.read(root, data(kids, ADULTS), study="mix")
    unlabelled = table[table["unlabelled"]]
    assert unlabelled["image"].tolist() == [f"kids/{image}" for image in images]
    assert unlabelled[LABELS].isna().all(axis=None)


def test_a_study_without_labels_and_an_unlabelled_source_without_images_are_refused(root):
    kids = folders(folder="kids", unlabelled=True)
    with pytest.raises(BadInput, match="found unlabelled: true in all 1, expected one with labels"):
        sources.read(root, data(kids), study="mix")
    (root / "none").mkdir()
    with pytest.raises(BadInput, match="none: found no image, expected some: an unlabelled source"):
        sources.read(root, data(ADULTS, folders(folder="none", classes={}, unlabelled=True)), study="mix")


def test_params_and_readers_have_the_same_names():
    assert set(config_sources.READERS) == set(sources.READERS)
    assert config_sources.COLUMNS == KEYS


def test_an_image_in_two_sources_is_refused_by_name(root):
    with pytest.raises(BadInput, match=r"kids/bad/b.png: found in two sources"):
        sources.read(root, data(folders(folder="kids"), folders(folder="kids")), study="mix")


def test_a_link_below_the_root_is_refused_because_dvc_does_not_follow_it(root, tmp_path):
    (root / "linked").symlink_to(root / "kids")
    with pytest.raises(BadInput, match=r"linked: found a link, which DVC does not follow"):
        sources.read(root, data(folders(folder="linked")), study="mix")
    whole = tmp_path / "whole"  # DVC does follow the one link that is the dependency itself
    whole.symlink_to(root)
    assert len(sources.read(whole, data(folders(folder="kids")), study="mix")) == 2


def test_images_that_are_in_no_source_are_listed(root):
    table = sources.read(root, data(folders(folder="kids"), ADULTS), study="mix")
    assert sources.unlisted(root, table) == ["kids/notes/c.png"]


def test_dicom_without_an_image_is_no_image_of_a_class_and_is_counted(root, capsys):
    shutil.copy(Path(pydicom.__file__).parent / "data/test_files/test-SR.dcm", root / "kids/ok")
    table = sources.read(root, data(folders(folder="kids"), ADULTS), study="mix")
    assert "kids/ok/test-SR.dcm" not in table["image"].tolist()
    assert sources.unlisted(root, table) == ["kids/notes/c.png"]
    line = "prepare: passed over DICOM files that hold no image: 1, the first kids/ok/test-SR.dcm (Comprehensive SR)"
    assert capsys.readouterr().out == f"{line}\n"


def test_images_come_from_files_and_from_archives(root):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4), np.uint8)
    truth = np.array([[0], [1], [0]], np.uint8)
    arrays = {f"{key}_{name}": value for key in ("train", "val", "test") for name, value in
              {"images": pixels, "labels": truth}.items()}  # fmt: skip
    (root / "small").mkdir()
    np.savez(root / "small/pneumoniamnist.npz", **arrays)
    names = {"normal": "Normal", "pneumonia": "Ill"}
    archive = MedMNIST(reader="medmnist", folder="small", file="pneumoniamnist.npz", classes=names)
    both = data(folders(folder="kids"), archive)
    table = sources.read(root, both, study="mix")
    wanted = table[table["Ill"] == 1]
    found = list(sources.images(root, both, wanted))
    assert found[0] == reading.File(root / "kids/bad/b.png", inside=(root / "kids").resolve())
    np.testing.assert_array_equal(found[1:], [pixels[1]] * 3)
    assert wanted["image"].iloc[1] == "small/pneumoniamnist.npz/train/000001"
