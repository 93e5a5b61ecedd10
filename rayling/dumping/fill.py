"""Filling a dump with the outputs of networks, image by image; one that was killed continues where it stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from rayling.common.parallel import WriteBehind
from rayling.runtime import distributed, inference
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import DumpWriter
from rayling.training import checkpoint


class Part(NamedTuple):
    """Some images, and the network whose outputs for them are dumped."""

    among: np.ndarray  # (N,) bool
    network: nn.Module


def dump(path: str | Path, parts: Sequence[Part], batches: Batches, *, title: str, grid: int = 0, **made_by) -> None:
    """Write the outputs of the networks for every view of their images to `path`, whole or not at all.

    Every image belongs to one of the `parts`. `made_by` are `network`, `backbones` and `weights` as for `dumps.create`,
    and what else decides the outputs. With several processes each computes a share.
    """
    contents = layout(parts[0].network, batches, grid=grid)
    unfinished = checkpoint.path_for(f"dump-{Path(path).name}", **contents, **made_by)
    if distributed.rank() == 0:
        checkpoint.delete_stale(unfinished)
        about = {name: made_by[name] for name in ("network", "backbones", "weights")}
        dumps.create_or_resume(unfinished, title=title, **contents, **about)
    distributed.barrier()
    fill(unfinished, parts, batches, title=title)
    distributed.barrier()
    if distributed.rank() == 0:
        checkpoint.publish(unfinished, Path(path))


def layout(network: nn.Module, batches: Batches, *, grid: int) -> dict:
    """What `dumps.create` must know to lay out a dump of this network over these images."""
    network.eval()
    with torch.inference_mode():
        logits, features = network(batches.batch(np.array([0])).images)
    names = batches.split.names if logits.shape[1] == len(batches.split.names) else range(logits.shape[1])
    about = {"names": [str(name) for name in names], "image_id": batches.split.image_id, "recipe": batches.recipe}
    return about | {"grid": grid, "channels": [level.shape[1] for level in features]}


def fill(unfinished: Path, parts: Sequence[Part], batches: Batches, *, title: str | None = None) -> None:
    """Run each network over every view of its images that are not done; a thread of its own writes the outputs."""
    done = np.array(dumps.Dump(unfinished).done)  # a copy: a faster process must not change the others' shards
    distributed.barrier()
    with DumpWriter(unfinished) as writer, progress_bar(title, done) as bar:

        def write(rows, *values):
            logits, *features = (value.cpu().numpy() for value in values)
            writer.put(rows, logits, features)

        with WriteBehind(write) as write_later:
            for among, network in parts:
                views = batches.recipe["count"]
                outputs = inference.outputs(network, batches, views=views, among=among, done=done, shared=True)
                for rows, logits, features in outputs:
                    # to float16 on this thread: the writing thread must not compute with torch (common/parallel.py)
                    write_later(rows, logits, *(level.half() for level in features))
                    bar.update(min(distributed.world_size() * len(logits), bar.total - bar.n))  # as if all were as fast
                    bar.set_postfix_str(f"{distributed.world_size() * writer.written / 1e6:,.0f} MB")


def progress_bar(title: str | None, done: np.ndarray) -> tqdm:
    """A bar in images of all processes, on a terminal, drawn by the first process alone."""
    hidden = None if title and distributed.rank() == 0 else True  # None: hidden unless on a terminal
    return tqdm(total=len(done), initial=int(done.sum()), desc=title, unit="image", disable=hidden, leave=False)
