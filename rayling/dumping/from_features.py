"""The dump of a frozen teacher without its backbones: its linear layers on the features that `embed` dumped."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.dumping.fill import Part
from rayling.networks import weights
from rayling.networks.architectures import Embedding, Ensemble, LinearProbe
from rayling.runtime import distributed
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import Dump, DumpWriter

FEATURES = "data/dumps/features.h5"
BLOCK = 1024  # images in memory at a time


def all_linear_probes(parts: Sequence[Part]) -> bool:
    """Whether all members of all networks are linear probes."""
    members = [member for _, network in parts for member in getattr(network, "members", [network])]
    return all(isinstance(member, LinearProbe) for member in members)


def dump(path: str | Path, parts: Sequence[Part], train: Batches, *, title: str, **made_by) -> None:
    """Write the logits of every view to `path`, as `fill.dump` does, without feature maps.

    Raises BadInput if the features are of other backbones, views or images.
    """
    features = dumps.read(FEATURES, names=Dump(FEATURES).names, recipe=train.recipe, image_id=train.split.image_id)
    if any(features.weights != weights.digest_of_backbones(Embedding(network)) for _, network in parts):
        raise BadInput(f"{FEATURES}: found features of other weights, expected those of the teacher: rerun `embed`")
    if distributed.rank():
        return  # the work of a moment, for one process
    about = {"names": train.split.names, "image_id": train.split.image_id, "recipe": train.recipe}
    with atomic(path) as partial:
        dumps.create(partial, **about, **made_by)
        with DumpWriter(partial) as writer:
            for first in range(0, len(train), BLOCK):
                rows = np.arange(first, min(first + BLOCK, len(train)))
                writer.put(rows, _logits(parts, features.logits[rows], rows), [])
    print(f"{title}: from {FEATURES}, without running the backbones again")


@torch.inference_mode()
def _logits(parts: Sequence[Part], features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Features (B, V, D) of the rows (B,) -> logits (B, V, K), each row's by the network of its part."""
    found = {number: _mean_logits(network, torch.tensor(features)) for number, (_, network) in enumerate(parts)}
    owner = np.argmax([among[rows] for among, _ in parts], axis=0)
    return torch.stack([found[number][row] for row, number in enumerate(owner)]).numpy()


def _mean_logits(network: Ensemble, features: torch.Tensor) -> torch.Tensor:
    """(B, V, D of all members) -> the mean of the members' logits (B, V, K)."""
    layers = [member.classifier.cpu() for member in network.members]
    of_members = features.split([layer.in_features for layer in layers], 2)
    return torch.stack([layer(of_member) for layer, of_member in zip(layers, of_members, strict=True)]).mean(0)
