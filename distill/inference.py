"""A network run over every image of a split."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from distill.batches import Batches

# in one batch; on a CPU 64 images at 64 px run 1.4 times as fast as 256, which no longer fit its cache (LOG.md)
PIXELS = {"cpu": 2**18, "cuda": 2**22}


def outputs(
    network: nn.Module,
    batches: Batches,
    *,
    views: Sequence[int] = (0,),
    batch_size: int | None = None,
    title: str | None = None,
) -> Iterator[tuple[slice, int, torch.Tensor, list[torch.Tensor]]]:
    """Yield (rows, view, logits (B, K), feature maps of three levels (B, C, g, g)), every view of a batch in turn.

    The network is put into inference mode; with a `title` a progress bar in images shows on a terminal.
    """
    network.eval()
    batch_size = batch_size or max(1, PIXELS[batches.device.type] // batches.split.size**2)
    total = len(batches) * len(views)
    with tqdm(total=total, desc=title, unit="image", disable=None if title else True, leave=False) as bar:
        for first in range(0, len(batches), batch_size):
            rows = np.arange(first, min(first + batch_size, len(batches)))
            for view in views:
                with torch.inference_mode():
                    logits, features = network(batches.images(rows, view))
                yield slice(rows[0], rows[-1] + 1), view, logits, features
                bar.update(len(rows))


def logits(network: nn.Module, batches: Batches, *, title: str | None = None) -> np.ndarray:
    """The logits of every image as it is (view 0): (N, K) float32."""
    found = [batch.cpu().numpy() for _, _, batch, _ in outputs(network, batches, title=title)]
    return np.concatenate(found) if found else np.zeros((0, len(batches.split.names)), np.float32)
