"""Dump the outputs of a network for every view of every train image: raw logits and feature maps.

`python -m stages.dump teacher` (or `assistant`). Training on the dump needs the network no more, whatever the
temperature. A dump that was killed continues at the first image that is not done.
Reads data/prepared.h5 and data/models/<name>.safetensors, writes data/dumps/<name>.h5.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from rayling.common.parallel import WriteBehind
from rayling.config import params
from rayling.networks import weights
from rayling.runtime import distributed, hardware, inference
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import DumpWriter
from rayling.training import checkpoint


def main(name: str) -> None:
    """Run the network over every view of train."""
    p = params.read("seed", "views", "cached_views", "features")
    device, views = hardware.start(p.seed), {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    train = Batches("data/prepared.h5", "train", device=device, **views)
    network, header = weights.load(f"data/models/{name}.safetensors", split=train.split, **p.features.model_dump())
    network.to(device)

    made_by = {"network": name, "backbones": header.backbones, "weights": weights.digest(network)}
    about = layout(network, train, grid=p.features.grid) | made_by
    unfinished = checkpoint.path_for(f"dump-{name}.h5", levels=p.features.levels, **about)
    if distributed.rank() == 0:
        checkpoint.delete_stale(unfinished)
        dumps.create_or_resume(unfinished, title=f"dump of the {name}", **about)
    distributed.barrier()
    fill(unfinished, network, train, title=f"dump of the {name}")
    distributed.barrier()
    if distributed.rank() == 0:
        checkpoint.publish(unfinished, Path(f"data/dumps/{name}.h5"))


def layout(network: nn.Module, train: Batches, *, grid: int) -> dict:
    """What `dumps.create` must know to lay out a dump of this network over these images."""
    network.eval()
    with torch.inference_mode():
        features = network(train.batch(np.array([0])).images).features
    about = {"names": train.split.names, "image_id": train.split.image_id, "recipe": train.recipe, "grid": grid}
    return about | {"channels": [level.shape[1] for level in features]}


def fill(unfinished: Path, network: nn.Module, train: Batches, *, title: str | None = None) -> None:
    """Run the network over every view of the images that are not done, and write its outputs behind the computation."""
    done = np.array(dumps.Dump(unfinished).done)  # a copy: a faster process must not change the others' shards
    distributed.barrier()
    outputs = inference.outputs(network, train, views=train.recipe["count"], done=done, shared=True)
    with DumpWriter(unfinished) as dump, progress_bar(title, done) as bar:

        def write(rows, *values):
            logits, *features = (value.cpu().numpy() for value in values)
            dump.put(rows, logits, features)

        with WriteBehind(write) as write_later:
            for rows, logits, features in outputs:
                # to float16 on this thread: the writing thread must not compute with torch (common/parallel.py)
                write_later(rows, logits, *(level.half() for level in features))
                bar.update(min(distributed.world_size() * len(logits), bar.total - bar.n))  # as if all were as fast
                bar.set_postfix_str(f"{distributed.world_size() * dump.written / 1e6:,.0f} MB")


def progress_bar(title: str | None, done: np.ndarray) -> tqdm:
    """A bar in images of all processes, on a terminal, drawn by the first process alone."""
    hidden = None if title and distributed.rank() == 0 else True  # None: hidden unless on a terminal
    return tqdm(total=len(done), initial=int(done.sum()), desc=title, unit="image", disable=hidden, leave=False)


if __name__ == "__main__":
    distributed.run(main, sys.argv[1])
