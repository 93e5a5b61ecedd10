"""Training a teacher, on all train patients or on those of some folds."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from torch import nn

from rayling.networks import architectures, weights
from rayling.runtime.loader import Batches
from rayling.teaching import frozen
from rayling.training import checkpoint, loop, stage
from rayling.training.epochs import Sampler
from rayling.training.hard_loss import hard_loss

INPUTS = ("data/prepared.h5", "data/pixels/teacher.h5", "data/backbones/teacher.json", frozen.PATH)


def train_teacher(
    name: str, p: SimpleNamespace, *, train: Batches, dev: Batches, among: np.ndarray | None = None
) -> tuple[nn.Module, weights.Header, pd.DataFrame]:
    """Train every backbone by itself, or fit the last layer of a frozen one, and return them as one network.

    `p` holds `seed`, `hard_loss`, `teacher` and `compute`; `among` (N,), bool, are the images to learn from, by default
    all. Returns the network, its header and the mean history of its members. Raises BadInput as `loop.fit` does, and if
    the dump of features is of other images.
    """
    freeze = architectures.which_frozen(p.teacher.freeze, p.teacher.backbones)
    about = {"backbones": p.teacher.backbones, "pretrained": p.teacher.pretrained, "frozen": freeze}
    header = weights.Header.of(train.split, network=name, **about)
    teacher = weights.build(header, start_pretrained=p.teacher.pretrained).to(train.device)
    among = np.ones(len(train), bool) if among is None else among
    frozen_members = [member for member, is_frozen in zip(teacher.members, freeze, strict=True) if is_frozen]
    features, histories = iter(frozen.read_features(train, frozen_members) if frozen_members else ()), []
    for number, member in enumerate(teacher.members):
        title = f"{name} {p.teacher.backbones[number]}"
        if freeze[number]:
            history = frozen.fit(member, next(features), train.split, dev, among=among, hard=p.hard_loss, title=title)
        else:
            history = loop.fit(
                member,
                train=train,
                dev=dev,
                sampler=Sampler(train.split, seed=p.seed, labelled_only=True, among=among),
                loss=hard_loss(p.hard_loss),
                hard=p.hard_loss,
                seed=p.seed,
                unfinished=checkpoint.for_training(f"{name}-{number}", p, *INPUTS),
                title=title,
                **stage.settings(p.teacher),
                **p.teacher.fine_tuning.model_dump(),
                **p.compute.model_dump(),
            )
        histories.append(history)
    # the steps of a frozen member are penalties, not epochs
    trained = [history for history, is_frozen in zip(histories, freeze, strict=True) if not is_frozen]
    return teacher, header, pd.concat(trained or histories).groupby("epoch", as_index=False).mean()
