"""What is hidden from the controls, and what they learn from the rest."""

from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from rayling.evaluation import auroc, control_models
from rayling.runtime.loader import Batches
from rayling.storage import prepared
from stages import train_controls, train_teacher
from tests.evaluation.ring_and_spot import COUNTS, NAMES, SETTINGS
from tests.tiny import ROOT

VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}


def train(path, *, wrap=None, **changed):
    """The logits (N, 2) of a control on test, and the labels there."""
    data = {split: Batches(path, split, device=torch.device("cpu"), views=VIEWS) for split in COUNTS}
    settings = {"shape": {"head": 1}, "hard": "bce", "unfinished": None} | SETTINGS | changed
    logits = train_controls.train("tiny", data, wrap=wrap, **settings)
    assert logits["tiny/dev"].shape == (COUNTS["dev"], 2)
    return logits["tiny/test"], data["test"].split.labels


# what is hidden


@pytest.mark.parametrize(("size", "edge"), [(16, 2), (64, 6), (224, 22), (3, 1)])
def test_the_middle_is_blanked_and_nothing_else(size, edge):
    images = torch.rand(2, 1, size, size) + 1
    before = images.clone()
    blanked = control_models.border_only(images)
    for row, column in product(range(size), repeat=2):
        outside = min(row, column, size - 1 - row, size - 1 - column) < edge
        assert torch.equal(blanked[..., row, column], outside * images[..., row, column])
    assert torch.equal(images, before)


def test_for_a_border_control_the_border_matters_and_the_middle_does_not():
    network = control_models.BorderOnly(torch.nn.Flatten())
    image = torch.rand(1, 1, 20, 20)
    middle, edge = image.clone(), image.clone()
    middle[..., 2:18, 2:18] += 1
    edge[..., 0, 7] += 1
    assert torch.equal(network(image), network(middle))
    assert not torch.equal(network(image), network(edge))


# what is learned


def test_the_border_control_learns_the_label_on_the_border_and_not_the_one_in_the_middle(write_images):
    path = write_images()
    logits, labels = train(path, wrap=control_models.BorderOnly)
    ring, spot = auroc.per_label(labels, logits)
    assert ring > 0.95
    assert abs(spot - 0.5) < 0.1
    logits, labels = train(path)
    assert auroc.per_label(labels, logits)[1] > 0.95  # with the middle it can be learned


def test_a_control_is_the_same_whatever_was_trained_before_it(write_images):
    path = write_images()
    first, _ = train(path, epochs=1)
    torch.rand(7)
    assert np.array_equal(train(path, epochs=1)[0], first)
    assert not np.array_equal(train(path, epochs=1, seed=1)[0], first)


@pytest.mark.parametrize(
    ("run", "written"),
    [(train_controls.main, "data/controls.safetensors"), (train_teacher.main, "data/models/teacher.safetensors")],
)
def test_training_on_hard_labels_never_sees_an_image_without_one(write_images, tmp_path, monkeypatch, run, written):
    monkeypatch.chdir(tmp_path)
    Path("data/pixels").mkdir(parents=True)
    write_images().replace("data/prepared.h5")
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    small = {"epochs": 1, "batch_size": 48}
    content["studies"]["phantom"]["student"] |= small
    content["studies"]["phantom"]["teacher"] |= small | {"backbones": ["mobilenetv3_small_050"]}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with h5py.File("data/prepared.h5", "r+") as file:
        file["train/labels"][10:] = np.nan
    prepared.create_no_pixels("data/pixels/teacher.h5")
    files = []
    for noise in (0, 1):
        with h5py.File("data/prepared.h5", "r+") as file:
            pixels = file["train/images"]
            pixels[10:] = np.random.default_rng(noise).integers(0, 255, pixels[10:].shape)
        run()
        files.append(load_file(written))
    apart = {name: np.abs(values - files[1][name]).max() for name, values in files[0].items()}
    assert {name: most for name, most in apart.items() if most} == {}


# the source alone


def test_the_source_alone_predicts_the_prevalence_of_its_train_images():
    def split(labels, source):
        empty = np.zeros(len(source))
        array = np.array(labels, np.float32)
        about = dict.fromkeys(("images", "image_id", "patient_id", "group", "stratum", "wanted"), empty)
        about |= dict.fromkeys(("sex", "age", "view"), empty)
        about |= {"names": NAMES, "exclusive": True, "mean": 0.5, "std": 0.5, "study": "tiny"}
        return prepared.Split(labels=array, source=np.array(source), **about)

    nan = np.nan
    train = split([[1, nan], [0, nan], [1, 1], [nan, 1], [nan, 0], [1, 0]], ["a", "a", "b", "b", "b", "b"])
    test = split([[0, 0]] * 3, ["b", "a", "not in train"])
    # the second label is unknown in a: there, and for a source that train lacks, the prevalence is that of all of train
    assert control_models.source_prevalence(train, test).tolist() == [[1, 0.5], [0.5, 0.5], [0.75, 0.5]]
    relabelled = control_models.source_labels(test, control_models.source_names(train))
    assert relabelled.labels.tolist() == [[0, 1], [1, 0], [0, 0]] and relabelled.names == ["a", "b"]
    assert not relabelled.exclusive
