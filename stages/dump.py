"""Dump what a network says of every view of every train image: raw logits and feature maps.

Whoever learns from it needs the network no more, whatever the temperature. `python -m stages.dump teacher`
(or `assistant`). A dump that was killed goes on at the first image that is not done.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from distill import checkpoint, dumps, inference, params, processes, runtime, weights
from distill.ahead import Behind
from distill.batches import Batches
from distill.filler import Filler


def main(name: str) -> None:
    """data/prepared.h5, data/models/<name>.safetensors -> data/dumps/<name>.h5"""
    p = params.read("seed", "views", "cached_views", "features")
    model, device = f"data/models/{name}.safetensors", runtime.start(p.seed)
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    train = Batches("data/prepared.h5", "train", device=device, **views)
    network, header = weights.load(model, split=train.split, **p.features.model_dump())
    network.to(device)

    said_by = {"network": name, "backbones": header.backbones, "weights": weights.digest(model)}
    about = contents(network, train, grid=p.features.grid) | said_by
    unfinished = checkpoint.file(f"dump-{name}.h5", levels=p.features.levels, **about)
    title = f"dump of the {name}"
    if not processes.rank():
        checkpoint.drop_others(unfinished)
        dumps.begin(unfinished, title=title, **about)
    processes.wait()
    fill(unfinished, network, train, title=title)
    processes.wait()
    if not processes.rank():
        checkpoint.publish(unfinished, Path(f"data/dumps/{name}.h5"))


def contents(network: nn.Module, train: Batches, *, grid: int) -> dict:
    """What `dumps.create` must know to lay out a dump of this network over these images."""
    network.eval()
    with torch.inference_mode():
        _, features = network(train.batch(np.array([0])).images)
    about = {"names": train.split.names, "image_id": train.split.image_id, "recipe": train.recipe, "grid": grid}
    return about | {"channels": [level.shape[1] for level in features]}


def fill(unfinished: Path, network: nn.Module, train: Batches, *, title: str | None = None) -> None:
    """Run the network over every view of the images that are not done yet, and keep what it says."""
    done = np.array(dumps.Dump(unfinished).done)  # as it is now: who is ahead must not change what the others share
    processes.wait()
    said = inference.outputs(network, train, views=train.recipe["count"], done=done, shared=True)
    with Filler(unfinished) as dump, progress(title, done) as bar:

        def keep(rows, *values):
            logits, *features = (value.cpu().numpy() for value in values)
            dump.put(rows, logits, features)

        with Behind(keep) as later:
            for rows, logits, features in said:
                later(rows, logits, *(level.half() for level in features))  # halved here: `ahead` says why
                bar.update(min(processes.count() * len(logits), bar.total - bar.n))  # the others are about as far
                bar.set_postfix_str(f"{processes.count() * dump.written / 1e6:,.0f} MB")


def progress(title: str | None, done: np.ndarray) -> tqdm:
    """A bar in images of all processes, on a terminal, of the first process alone."""
    quiet = None if title and not processes.rank() else True  # None: unless on a terminal
    return tqdm(total=len(done), initial=int(done.sum()), desc=title, unit="image", disable=quiet, leave=False)


if __name__ == "__main__":
    processes.run(main, sys.argv[1])
