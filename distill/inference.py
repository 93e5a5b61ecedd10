"""A network run over every image of a split."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from distill import processes
from distill.ahead import ahead
from distill.batches import Batches

# in one batch; on a CPU 64 images at 64 px run 1.4 times as fast as 256, which no longer fit its cache (LOG.md)
PIXELS = {"cpu": 2**18, "cuda": 2**22}


def outputs(
    network: nn.Module,
    batches: Batches,
    *,
    views: int = 1,
    batch_size: int | None = None,
    done: np.ndarray | None = None,
    shared: bool = False,
    title: str | None = None,
) -> Iterator[tuple[slice, torch.Tensor, list[torch.Tensor]]]:
    """Yield (rows, logits (B, V, K), feature maps of three levels (B, V, C, g, g)) of the first `views` views.

    The network is put into inference mode; with a `title` a progress bar in images shows on a terminal. Batches whose
    rows are all `done` (N,) are passed over; `shared`, the processes share the others out. A batch has the same rows
    whatever is done and however many processes there are: with as many threads each they say the same to the last bit.
    """
    network.eval()
    left = _blocks(batches, batch_size, done)
    left = left[processes.rank() :: processes.count()] if shared else left
    gathered = ahead(batches.gather, ((block, np.full(len(block), view)) for block in left for view in range(views)))
    quiet = None if title and not processes.rank() else True  # None: unless on a terminal
    with tqdm(total=views * sum(map(len, left)), desc=title, unit="image", disable=quiet, leave=False) as bar:
        for block in left:
            said = []
            for _ in range(views):
                with torch.inference_mode():
                    said.append(network(batches.deliver(next(gathered)).images))
                bar.update(len(block))
            logits, features = zip(*said, strict=True)
            levels = [torch.stack(level, 1) for level in zip(*features, strict=True)]
            yield slice(block[0], block[-1] + 1), torch.stack(logits, 1), levels


def _blocks(batches: Batches, size: int | None, done: np.ndarray | None) -> list[np.ndarray]:
    """The row numbers of each batch, of those that are not done."""
    size = size or max(1, PIXELS[batches.device.type] // batches.split.size**2)
    blocks = [np.arange(first, min(first + size, len(batches))) for first in range(0, len(batches), size)]
    return blocks if done is None else [block for block in blocks if not done[block].all()]


def logits(network: nn.Module, batches: Batches, *, title: str | None = None) -> np.ndarray:
    """The logits of every image as it is (view 0): (N, K) float32. The processes share the images out."""
    found = torch.zeros(len(batches), len(batches.split.names), device=batches.device)
    for rows, said, _ in outputs(network, batches, shared=True, title=title):
        found[rows] = said[:, 0]
    return processes.total(found).cpu().numpy()
