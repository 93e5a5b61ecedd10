"""Join the dumps of teacher and assistant, for a student that learns from both: mean logits, all feature maps.

The paper has the student learn from the assistant alone (section 3); this is what one may ask next. The two together
are what an ensemble of them would have said. Unless `learn_from` is `both`, writes the empty dump: no disk is taken.
Reads data/prepared.h5, data/dumps/teacher.h5 and data/dumps/assistant.h5; writes data/dumps/both.h5.
"""

import json

import numpy as np

from distill import dumps, params, prepared
from distill.atomic import atomic
from distill.filler import Filler

BLOCK = 64  # images in memory at a time


def main() -> None:
    """data/dumps/teacher.h5, data/dumps/assistant.h5 -> data/dumps/both.h5"""
    p = params.read("learn_from")
    train = prepared.read("data/prepared.h5", "train")
    about = {"names": train.names, "image_id": train.image_id}
    with atomic("data/dumps/both.h5") as path:
        if p.learn_from != "both":
            dumps.create(path, network="both", **about)
            return
        recipe = json.loads(dumps.Dump("data/dumps/teacher.h5").recipe)
        said = [dumps.read(f"data/dumps/{name}.h5", recipe=recipe, **about) for name in ("teacher", "assistant")]
        join(path, said, recipe=recipe, **about)


def join(path, said: list[dumps.Dump], *, recipe: dict, **about) -> None:
    """Write a dump of the mean of the logits and of the channels of all feature maps, level by level."""
    pairs = list(zip(*(dump.levels for dump in said), strict=True))
    channels = [sum(level.shape[2] for level in pair) for pair in pairs]
    dumps.create(path, network="both", recipe=recipe, channels=channels, grid=pairs[0][0].shape[-1], **about)
    with Filler(path) as both:
        for first in range(0, len(said[0].done), BLOCK):
            rows = slice(first, min(first + BLOCK, len(said[0].done)))
            logits = np.mean([dump.logits[rows] for dump in said], axis=0)
            both.put(rows, logits, [np.concatenate([part[rows] for part in pair], axis=2) for pair in pairs])


if __name__ == "__main__":
    main()
