"""A teacher on frozen features: pretrained backbones stay as they are, and a linear layer is fitted to their averages.

N images, V views, D features, K labels.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks import weights
from rayling.networks.architectures import Embedding, Ensemble, LinearProbe
from rayling.runtime import distributed, inference
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import Dump
from rayling.storage.prepared import Split
from rayling.training import loop

PATH = "data/dumps/features.h5"
# The inverse strength of the L2 penalty on standardised features, from strong to weak: its place is that of the epoch
# in other trainings, and the best on dev is kept.
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1)


def read_features(train: Batches, members: Sequence[LinearProbe]) -> list[np.ndarray]:
    """The features (N, V, D) of each of the frozen `members`, as `embed` dumped them.

    Raises BadInput if there are none, or if they are of other backbones, views or images.
    """
    found = Dump(PATH)
    recipe = train.recipe | {"count": found.recipe["count"]}  # how many views is for `embed` to say
    found = dumps.read(PATH, names=found.names, recipe=recipe, image_id=train.split.image_id)
    if found.weights != weights.digest_of_backbones(Embedding(Ensemble(members))):
        raise BadInput(f"{PATH}: found features of other weights than those of the frozen backbones: rerun `embed`")
    ends = np.cumsum([member.classifier.in_features for member in members])[:-1]
    return np.split(found.logits, ends, axis=2)


def fit(
    member: LinearProbe, features: np.ndarray, train: Split, dev: Batches, *, among: np.ndarray, hard: str, title: str
) -> pd.DataFrame:
    """Fit the member's linear layer to `features` (N, V, D) of train, and keep the one that is best on dev.

    Only images `among` (N,), bool, are used, each as often as the balance of an epoch wants it. `hard` is `bce`, a
    logistic regression for each label, or `cross_entropy`, one over all classes. Returns a row for each strength of the
    penalty, with the columns of `loop.fit`. Raises BadInput if a logit on dev is not finite.
    """
    on_dev = _embed(member, dev)
    history, best = [], (-np.inf, -np.inf)
    for step, (weight, bias, loss) in enumerate(_path(features[among], train, among, hard)):
        logits = (on_dev @ weight.T + bias).astype(np.float32)
        scores = loop.scores_on_dev(logits, dev.split, hard=hard, where=title)
        history.append({"epoch": step, "loss": loss, "hard": loss, **scores})
        if (score := (scores["dev_auroc"] or 0.0, -scores["dev_loss"])) > best:
            best = score
            _set(member.classifier, weight, bias)
    if not distributed.rank():
        print(f"{title}: on dev loss {-best[1]:.4f}, AUROC", f"{best[0]:.4f}" if best[0] else "undefined")
    return pd.DataFrame(history)


def _set(layer: nn.Linear, weight: np.ndarray, bias: np.ndarray) -> None:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))


def _embed(member: LinearProbe, batches: Batches) -> np.ndarray:
    embedding = Embedding(Ensemble([member]))
    found = [logits[:, 0] for _, logits, _ in inference.outputs(embedding, batches)]
    return torch.cat(found).cpu().numpy()


def _path(
    features: np.ndarray, train: Split, among: np.ndarray, hard: str
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Yield weights (K, D), biases (K,) and the loss of the layer for each strength of the penalty."""
    views, labels = features.shape[1], np.repeat(train.labels[among], features.shape[1], axis=0)
    x = features.reshape(len(labels), -1)
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / deviation
    rate = train.wanted / np.maximum(1, np.bincount(train.stratum, minlength=len(train.wanted)))
    often = np.repeat(rate[train.stratum[among]], views)
    targets = [labels] if hard == "cross_entropy" else [labels[:, [k]] for k in range(labels.shape[1])]
    models = [_Logistic(x, target, often) for target in targets]
    for strength in STRENGTHS:
        for model in models:
            model.fit(strength)
        weights, biases = zip(*(model.layer for model in models), strict=True)
        weight = np.concatenate(weights) / deviation
        bias = np.concatenate(biases) - weight @ mean
        yield weight, bias, float(np.mean([model.loss for model in models]))


class _Logistic:
    """One logistic regression: of one label (n, 1), or over K exclusive classes (n, K); each fit starts at the last."""

    def __init__(self, x: np.ndarray, target: np.ndarray, often: np.ndarray) -> None:
        known = (target == 1).any(1) if target.shape[1] > 1 else ~np.isnan(target[:, 0])
        self.x, self.known, self.often, self.classes = x, known, often[known], target.shape[1]
        self.target = target[known].argmax(1) if self.classes > 1 else target[known, 0].astype(int)
        from sklearn.linear_model import LogisticRegression  # takes a second, which other teachers save

        self.model = LogisticRegression(max_iter=1000, warm_start=True)

    def fit(self, strength: float) -> None:
        """Fit with this inverse strength of the penalty; the mean loss is without the penalty."""
        x = self.x[self.known]  # not kept: each label would keep its own copy
        self.model.set_params(C=strength).fit(x, self.target, self.often)
        chosen = self.model.predict_proba(x)[np.arange(len(x)), self.target]
        self.loss = -np.average(np.log(np.maximum(chosen, 1e-12)), weights=self.often)

    @property
    def layer(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias: (1, D) and (1,) of one label, (K, D) and (K,) of classes."""
        weight, bias = self.model.coef_, self.model.intercept_
        if self.classes == 2:  # scikit-learn has one row for two classes
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        return weight, bias
