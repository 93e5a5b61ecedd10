"""What the training stages share: the splits that they read, and saving a trained network."""

from types import SimpleNamespace

import pandas as pd
import torch
from pydantic import BaseModel
from torch import nn

from rayling.common.atomic import atomic
from rayling.networks import weights
from rayling.runtime import distributed
from rayling.runtime.loader import Batches
from rayling.training import checkpoint


def splits(
    *names: str, device: torch.device, p: SimpleNamespace, cached_views: int = 1, pixels: str | None = None
) -> list[Batches]:
    """The named splits of data/prepared.h5 on the device, in the views of the parameters `views` and `seed`.

    `cached_views` is how many views of an image a dump holds, `pixels` the file of a network that takes images of
    another size. Raises BadInput if a file is missing or damaged.
    """
    views = {"views": p.views.model_dump(), "seed": p.seed, "count": cached_views, "pixels": pixels}
    return [Batches("data/prepared.h5", name, device=device, **views) for name in names]


def settings(block: SimpleNamespace | BaseModel) -> dict:
    """How long and how fast a network is trained, of its block of parameters, as `loop.fit` takes it."""
    return {name: getattr(block, name) for name in ("epochs", "batch_size", "lr", "weight_decay", "schedule")}


def save(name: str, network: nn.Module, header: weights.Header, history: pd.DataFrame) -> None:
    """Write data/models/<name>.safetensors and plots/training/<name>.csv, and delete the checkpoints of `name`.

    Does nothing in any process but the first.
    """
    if distributed.rank():
        return
    weights.save(f"data/models/{name}.safetensors", network, header)
    with atomic(f"plots/training/{name}.csv") as path:
        history.to_csv(path, index=False)
    checkpoint.delete_finished(f"{name}*")
