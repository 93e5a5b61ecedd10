"""Whose outputs are dumped for which images: one network for all, or for each fold the teacher that never saw it."""

import numpy as np

from rayling.dumping.fill import Part
from rayling.networks import weights
from rayling.runtime.loader import Batches
from rayling.teaching import folds


def to_dump(name: str, train: Batches, *, count: int, seed: int, **features) -> tuple[list[Part], dict]:
    """The networks to run, each with its images, and what the dump is made by. `count` is the
    number of folds, `features` are `levels` and `grid`.

    Raises BadInput if there are no weights, or if they are for other data.
    """
    files, fold = [f"data/models/{name}.safetensors"], np.zeros(len(train), int)
    if count > 1:
        files, fold = folds.files(count), folds.of_images(train.split, folds=count, seed=seed)
    loaded = [weights.load(file, split=train.split, **features) for file in files]
    parts = [Part(fold == number, network.to(train.device)) for number, (network, _) in enumerate(loaded)]
    digests = [weights.digest(network) for network, _ in loaded]
    return parts, {"network": name, "backbones": loaded[0][1].backbones, "weights": " ".join(digests)}
