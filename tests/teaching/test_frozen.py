"""The linear layer on frozen features: the optimum of the penalised loss, whatever way led there."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from torch import nn

from rayling.teaching import frozen

IMAGES, VIEWS, FEATURES, CLASSES = 60, 2, 5, 3


class Member(nn.Module):
    """A backbone whose features of an image are its first five pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def embeddings(self, images):
        return images.flatten(1)[:, :FEATURES]


@pytest.fixture
def case(monkeypatch):
    """Features (N, V, D), train with a rarer class wanted more often and unknown labels, and a dev of the same kind."""
    rng = np.random.default_rng(0)
    features = rng.normal(3, 2, (IMAGES, VIEWS, FEATURES)).astype(np.float32)
    classes = (features[:, 0, :CLASSES] + rng.normal(0, 2, (IMAGES, CLASSES))).argmax(1)
    labels = np.eye(CLASSES, dtype=np.float32)[classes]
    labels[:6] = np.nan
    stratum = np.where(classes == 0, 0, 1)
    train = SimpleNamespace(labels=labels, stratum=stratum, wanted=np.array([50, (stratum == 1).sum(), 0]))
    dev = SimpleNamespace(split=SimpleNamespace(labels=labels[6:], exclusive=True))
    monkeypatch.setattr(frozen, "_embed", lambda *_: features[6:, 0])
    return features, train, dev


def penalised(hard: str, features, train, strength):
    """The objective over weights and biases of standardised features, written out."""
    known = np.repeat(~np.isnan(train.labels[:, 0]), VIEWS)
    x = features.reshape(-1, FEATURES)
    x = ((x - x.mean(0)) / (x.std(0) + 1e-6))[known]
    labels = np.repeat(train.labels, VIEWS, axis=0)[known]
    often = (train.wanted[:2] / np.bincount(train.stratum))[np.repeat(train.stratum, VIEWS)[known]]

    def objective(flat):
        weight, bias = flat[: CLASSES * FEATURES].reshape(CLASSES, FEATURES), flat[CLASSES * FEATURES :]
        logits = x @ weight.T + bias
        if hard == "bce":
            probability = expit(logits)
            terms = -np.log(np.where(labels == 1, probability, 1 - probability)).sum(1)
        else:
            terms = -log_softmax(logits, axis=1)[labels == 1]
        return strength * (often * terms).sum() + (weight**2).sum() / 2

    return objective


@pytest.mark.parametrize("hard", ["bce", "cross_entropy"])
def test_the_layer_is_the_minimum_of_the_penalised_loss_weighted_by_the_balance(case, monkeypatch, hard):
    features, train, dev = case
    monkeypatch.setattr(frozen, "STRENGTHS", (0.1,))
    member = Member()
    frozen.fit(member, features, train, dev, among=np.ones(IMAGES, bool), hard=hard, title="toy")
    objective = penalised(hard, features, train, 0.1)
    best = minimize(objective, np.zeros(CLASSES * (FEATURES + 1)), method="BFGS", options={"gtol": 1e-6}).x
    x, scale = features.reshape(-1, FEATURES), features.reshape(-1, FEATURES).std(0) + 1e-6
    weight = best[: CLASSES * FEATURES].reshape(CLASSES, FEATURES) / scale
    expected = x @ weight.T + best[CLASSES * FEATURES :] - weight @ x.mean(0)
    with torch.no_grad():
        found = member.classifier(torch.from_numpy(x)).numpy()
    if hard == "cross_entropy":  # the bias common to all classes is free
        expected, found = log_softmax(expected, axis=1), log_softmax(found, axis=1)
    assert np.allclose(found, expected, atol=0.02)


def test_images_that_are_not_among_the_named_change_nothing(case):
    features, train, dev = case
    among, layers = np.arange(IMAGES) < 40, []
    for other in (0.0, 100.0):
        member, changed = Member(), features.copy()
        changed[~among] += other
        frozen.fit(member, changed, train, dev, among=among, hard="bce", title="toy")
        layers.append(member.classifier.weight)
    assert torch.equal(*layers)


def test_the_strength_of_the_penalty_is_the_best_on_dev(case):
    features, train, dev = case
    history = frozen.fit(Member(), features, train, dev, among=np.ones(IMAGES, bool), hard="bce", title="toy")
    assert len(history) == len(frozen.STRENGTHS)
    assert history["loss"].is_monotonic_decreasing  # a weaker penalty fits train better
