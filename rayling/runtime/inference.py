"""The outputs of a network for every image of a split: logits and feature maps, batch by batch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from rayling.common.parallel import prefetch
from rayling.runtime import distributed
from rayling.runtime.loader import Batches

# Pixels in one batch. On a CPU, 64 images of 64 px run 1.4 times as fast as 256, which exceed its cache
# (docs/log/training-speed.md).
PIXELS = {"cpu": 2**18, "cuda": 2**22}


def outputs(
    network: nn.Module,
    batches: Batches,
    *,
    views: int = 1,
    batch_size: int | None = None,
    among: np.ndarray | None = None,
    done: np.ndarray | None = None,
    shared: bool = False,
    title: str | None = None,
) -> Iterator[tuple[np.ndarray, torch.Tensor, list[torch.Tensor]]]:
    """Yield the outputs for the first `views` views of each image, batch by batch.

    Each item is (rows, logits (B, V, K), feature maps (B, V, C, g, g) for each level), where `rows` (B,) are row
    numbers. Only images `among` (N,), bool, are computed, by default all. The network is put into inference mode. With
    a `title` a terminal shows a progress bar in images. Batches whose rows are all `done` (N,) are skipped. If
    `shared`, each process computes a part of the rest.

    A batch holds the same rows whatever is done and however many processes there are, so with the same number of
    threads in each process its outputs are the same to the last bit.
    """
    network.eval()
    remaining = _blocks(batches, batch_size, among, done)
    remaining = remaining[distributed.rank() :: distributed.world_size()] if shared else remaining
    plan = ((block, np.full(len(block), view)) for block in remaining for view in range(views))
    gathered = prefetch(batches.gather, plan)
    hidden = None if title and not distributed.rank() else True  # None: hidden unless on a terminal
    with tqdm(total=views * sum(map(len, remaining)), desc=title, unit="image", disable=hidden, leave=False) as bar:
        for block in remaining:
            of_views = []
            for _ in range(views):
                with torch.inference_mode():
                    of_views.append(network(batches.deliver(next(gathered)).images))
                bar.update(len(block))
            logits, features = zip(*of_views, strict=True)
            levels = [torch.stack(level, 1) for level in zip(*features, strict=True)]
            yield block, torch.stack(logits, 1), levels


def _blocks(batches: Batches, size: int | None, among: np.ndarray | None, done: np.ndarray | None) -> list[np.ndarray]:
    """The row numbers of each batch that is not done, `size` of them or as many as `PIXELS` allows."""
    size = size or max(1, PIXELS[batches.device.type] // batches.split.size**2)
    rows = np.arange(len(batches)) if among is None else np.flatnonzero(among)
    blocks = [rows[first : first + size] for first in range(0, len(rows), size)]
    return blocks if done is None else [block for block in blocks if not done[block].all()]


def logits(network: nn.Module, batches: Batches, *, title: str | None = None) -> np.ndarray:
    """The logits (N, K), float32, of every image as it is (view 0). Each process computes a part and receives all."""
    found = torch.zeros(len(batches), len(batches.split.names), device=batches.device)
    for rows, logits_of_batch, _ in outputs(network, batches, shared=True, title=title):
        found[rows] = logits_of_batch[:, 0]
    return distributed.sum_over_processes(found).cpu().numpy()
