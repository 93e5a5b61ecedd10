"""Dump what a network says of every view of every train image: raw logits and feature maps.

Whoever learns from it needs the network no more, whatever the temperature. `python -m stages.dump teacher`
(or `assistant`).
"""

import sys

from distill import dumps, inference, params, runtime, weights
from distill.atomic import atomic
from distill.batches import Batches


def main(name: str) -> None:
    """data/prepared.h5, data/models/<name>.safetensors -> data/dumps/<name>.h5"""
    p = params.read("seed", "views", "cached_views", "features")
    model, device = f"data/models/{name}.safetensors", runtime.start(p.seed)
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    train = Batches("data/prepared.h5", "train", device=device, **views)
    network, header = weights.load(model, split=train.split, **p.features.model_dump())
    network.to(device)

    _, _, _, features = next(inference.outputs(network, train, batch_size=1))
    with atomic(f"data/dumps/{name}.h5") as path:
        dumps.create(
            path,
            names=train.split.names,
            recipe=train.recipe,
            image_id=train.split.image_id,
            channels=[level.shape[1] for level in features],
            grid=p.features.grid,
            backbones=header.backbones,
            weights=weights.digest(model),
        )
        dump = dumps.Dump(path, mode="r+")
        for rows, view, logits, features in inference.outputs(
            network, train, views=range(p.cached_views), title=f"dump of the {name}"
        ):
            dump.put(rows, view, logits.cpu().numpy(), [maps.half().cpu().numpy() for maps in features])
        dump.done[:] = True


if __name__ == "__main__":
    main(sys.argv[1])
