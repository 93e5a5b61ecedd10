"""Is a dump what its network says? `python -m distill.audit teacher assistant` (`make audit`).

Draws images and views at random, runs the network on those very pixels again and tells the largest difference to what
the dump holds; a difference beyond rounding ends with exit status 1.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from ruamel.yaml import YAML

from distill import dumps, runtime, weights
from distill.batches import Batches
from distill.errors import BadInput

IMAGES = 64
TOLERANCE = 0.01  # standard deviations: half precision and another batch size stay well below


def main(names: list[str]) -> None:
    """Audit the dump of each of the named networks, a line each."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    features, device = params["studies"][params["study"]]["features"], runtime.start(0)
    for name in names:
        dump, model = f"data/dumps/{name}.h5", f"data/models/{name}.safetensors"
        found = audit(dump, model, "data/prepared.h5", **features, device=device)
        told = ", ".join(f"{what} {value:.1e}" for what, value in found.items())
        print(f"{dump}: {IMAGES} views run again; largest difference in standard deviations: {told}")
        if not max(found.values()) <= TOLERANCE:
            raise BadInput(f"{dump}: is not what {model} says (more than {TOLERANCE} away): dump it again")


def audit(
    dump: str | Path,
    model: str | Path,
    data: str | Path,
    *,
    levels: list[int],
    grid: int,
    device: torch.device,
    seed: int = 0,
) -> dict[str, float]:
    """The largest difference by what was dumped, `logits`, `level1` …, over randomly drawn images and views.

    It is measured in the standard deviation of what the network says now. Raises BadInput if the dump was made with
    other weights, images or labels.
    """
    recipe = json.loads(dumps.Dump(dump).recipe)
    amounts = {name: amount for name, amount in recipe.items() if name not in ("seed", "count")}
    train = Batches(data, "train", device=device, views=amounts, seed=recipe["seed"], count=recipe["count"])
    there = dumps.read(dump, names=train.split.names, recipe=recipe, image_id=train.split.image_id)
    if there.weights != weights.digest(model):
        raise BadInput(f"{dump}: was made with other weights than those of {model}")
    network, _ = weights.load(model, split=train.split, levels=levels, grid=grid)
    generator = np.random.default_rng(seed)
    rows, view = generator.integers(len(train), size=IMAGES), generator.integers(recipe["count"], size=IMAGES)
    with torch.inference_mode():
        logits, features = network.to(device)(train.images(rows, view))
    names = ["logits", *(f"level{n}" for n in range(1, len(features) + 1))]
    then, of_then = there.at(rows, view)
    return dict(zip(names, map(difference, [then, *of_then], [logits, *features]), strict=True))


def difference(then: np.ndarray, now: torch.Tensor) -> float:
    """The largest absolute difference of two arrays of one shape, in standard deviations of `now`."""
    now = now.cpu().numpy()
    return float(np.abs(then - now).max() / now.std())


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or ["teacher", "assistant"])
    except BadInput as error:
        sys.exit(f"error: {error}")
