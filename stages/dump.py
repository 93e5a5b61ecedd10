"""Dump the outputs of a network for every view of every train image: raw logits and feature maps.

`python -m stages.dump teacher` (or `assistant`). Training on the dump needs the network no more, whatever the
temperature. With `teacher.folds` the outputs for an image are those of the teacher that never saw its patient. The
lesson `any_view` uses no feature maps, so none are dumped, and the logits of a frozen teacher then follow from the dump
of its features. A dump that was killed continues at the first image that is not done.
Reads data/prepared.h5, data/pixels/<name>.h5, data/dumps/features.h5, data/models/<name>.safetensors and
data/models/folds, writes data/dumps/<name>.h5.
"""

import sys

from rayling.config import params
from rayling.dumping import fill, from_features, networks
from rayling.runtime import distributed, hardware
from rayling.runtime.loader import Batches


def main(name: str) -> None:
    """Run the network over every view of train."""
    p = params.read("seed", "views", "cached_views", "lesson", "features", "teacher.folds")
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    train = Batches(
        "data/prepared.h5", "train", device=hardware.start(p.seed), pixels=f"data/pixels/{name}.h5", **views
    )
    levels = p.features.levels if p.lesson == "cached_views" else []
    count = p.teacher.folds if name == "teacher" else 1
    parts, about = networks.to_dump(name, train, count=count, seed=p.seed, levels=levels, grid=p.features.grid)
    path, title = f"data/dumps/{name}.h5", f"dump of the {name}"
    if not levels and from_features.all_linear_probes(parts):
        return from_features.dump(path, parts, train, title=title, **about)
    return fill.dump(path, parts, train, title=title, grid=p.features.grid, levels=levels, **about)


if __name__ == "__main__":
    distributed.run(main, sys.argv[1])
