"""Run the teacher's frozen backbones once over every view of every train image, and dump their features.

A linear layer on them is then fitted in seconds, on any machine. Features of several frozen backbones stand side by
side. Without a frozen backbone the dump is empty.
Reads data/prepared.h5, data/pixels/teacher.h5 and pretrained weights, writes data/dumps/features.h5.
"""

import numpy as np

from rayling.common.atomic import atomic
from rayling.config import params
from rayling.dumping.fill import Part, dump
from rayling.networks import architectures, weights
from rayling.runtime import distributed, hardware
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.training import checkpoint

PATH, PIXELS = "data/dumps/features.h5", "data/pixels/teacher.h5"


def main() -> None:
    """Embed train, if a backbone is frozen."""
    p = params.read("seed", "views", "cached_views", "teacher.backbones", "teacher.freeze")
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    train = Batches("data/prepared.h5", "train", device=hardware.start(p.seed), pixels=PIXELS, **views)
    freeze = architectures.which_frozen(p.teacher.freeze, p.teacher.backbones)
    backbones = [name for name, is_frozen in zip(p.teacher.backbones, freeze, strict=True) if is_frozen]
    if not backbones:
        if distributed.rank() == 0:
            with atomic(PATH) as path:
                dumps.create(path, names=train.split.names, image_id=train.split.image_id, network="features")
        return
    header = weights.Header.of(
        train.split, network="features", backbones=backbones, pretrained=True, frozen=[True] * len(backbones)
    )
    network = architectures.Embedding(weights.build(header, start_pretrained=True)).to(train.device)
    made_by = {"network": "features", "backbones": backbones, "weights": weights.digest_of_backbones(network)}
    made_by["inputs"] = [checkpoint.identity(path) for path in ("data/prepared.h5", PIXELS)]
    everything = Part(np.ones(len(train), bool), network)
    dump(PATH, [everything], train, title="features of the frozen backbones", **made_by)


if __name__ == "__main__":
    distributed.run(main)
