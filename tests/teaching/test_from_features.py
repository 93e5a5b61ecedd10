"""A frozen teacher's dump from the features equals the outputs of its whole network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.dumping import fill, from_features
from rayling.dumping.fill import Part
from rayling.networks import weights
from rayling.networks.architectures import Embedding, Ensemble, LinearProbe
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from tests.toy import VIEWS, batches, student


@pytest.fixture
def frozen(halves, tmp_path, monkeypatch):
    """The train batches, and two teachers of two folds that share frozen backbones; the features are dumped."""
    monkeypatch.chdir(tmp_path)
    Path("data/dumps").mkdir(parents=True)
    train = batches(halves)["train"]
    torch.manual_seed(0)
    teachers = [Ensemble([LinearProbe("resnet10t", outputs=2), LinearProbe("mobilenetv3_small_050", outputs=2)])]
    teachers.append(Ensemble([LinearProbe(member.name, outputs=2) for member in teachers[0].members]))
    for one, other in zip(*(teacher.members for teacher in teachers), strict=True):
        other.network.load_state_dict(one.network.state_dict())
    embedding = Embedding(teachers[0])
    about = {"network": "features", "backbones": [], "weights": weights.digest_of_backbones(embedding)}
    everything = Part(np.ones(len(train), bool), embedding)
    fill.dump("data/dumps/features.h5", [everything], train, title="features", **about)
    fold = np.arange(len(train)) % 3 > 0
    return train, [Part(fold, teachers[0].eval()), Part(~fold, teachers[1].eval())]


MADE_BY = {"network": "teacher", "backbones": [], "weights": ""}


def test_each_image_has_the_logits_of_its_own_network(frozen, monkeypatch):
    train, parts = frozen
    monkeypatch.setattr(from_features, "BLOCK", 10)
    from_features.dump("data/dumps/teacher.h5", parts, train, title="teacher", **MADE_BY)
    fill.dump("data/dumps/whole/teacher.h5", parts, train, title="teacher", **MADE_BY)
    found, expected = (dumps.Dump(Path("data/dumps") / name) for name in ("teacher.h5", "whole/teacher.h5"))
    assert found.done.all() and not found.levels
    assert np.allclose(found.logits, expected.logits, atol=1e-4)
    assert np.abs(found.logits - np.roll(found.logits, 1, axis=1)).max() > 1e-2  # views differ


def test_features_of_other_views_are_refused(frozen, halves):
    _, parts = frozen
    other = Batches(halves, "train", device=torch.device("cpu"), views=VIEWS, count=3, seed=6)
    with pytest.raises(BadInput, match="found views"):
        from_features.dump("data/dumps/teacher.h5", parts, other, title="teacher", **MADE_BY)
    assert not Path("data/dumps/teacher.h5").exists()


def test_a_network_that_was_trained_runs_itself():
    assert not from_features.all_linear_probes([Part(np.ones(1, bool), student())])


def test_features_of_other_weights_are_refused(frozen):
    train, parts = frozen
    with torch.no_grad():
        parts[1].network.members[0].network.bn1.weight.add_(1)
    with pytest.raises(BadInput, match="found features of other weights"):
        from_features.dump("data/dumps/teacher.h5", parts, train, title="teacher", **MADE_BY)
