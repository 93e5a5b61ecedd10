"""Is a dump what its network says? `python -m distill.audit teacher assistant` (`make audit`).

Draws images and views at random, runs the network on those very pixels again and tells the largest difference to what
the dump holds; a difference beyond rounding ends with exit status 1. The views are those that the dump says it has:
whether they are still those of params.yaml is for `dvc status` to say.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from distill import command, dumps, runtime, weights
from distill.batches import Batches
from distill.errors import BadInput

NETWORKS = ("teacher", "assistant")
IMAGES = 64
TOLERANCE = 0.01  # standard deviations, beyond the rounding to half precision: another batch size stays well below


def main(names: Sequence[str]) -> None:
    """Audit the dump of each of the named networks, a line each."""
    params, device = command.parameters(), runtime.start(0)
    features = params["studies"][params["study"]]["features"]
    for name in names:
        if name not in NETWORKS:
            raise BadInput(f"found {name!r}, expected a network that is dumped: {', '.join(NETWORKS)}")
        dump, model = f"data/dumps/{name}.h5", f"data/models/{name}.safetensors"
        found = audit(dump, model, "data/prepared.h5", **features, device=device)
        told = ", ".join(f"{what} {value:.1e}" for what, value in found.items())
        print(f"{dump}: {IMAGES} views run again; largest difference in standard deviations: {told}")
        if not agree(found):
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
        logits, features = network.to(device)(train.batch(rows, view).images)
    names = ["logits", *(f"level{n}" for n in range(1, len(features) + 1))]
    then, of_then = there.at(rows, view)
    shapes = [maps.shape for maps in of_then], [tuple(maps.shape) for maps in features]
    if shapes[0] != shapes[1]:
        raise BadInput(f"{dump}: feature maps {shapes[0]}, expected {shapes[1]}: dump it again")
    return dict(zip(names, map(difference, [then, *of_then], [logits, *features]), strict=True))


def agree(found: dict[str, float]) -> bool:
    """Whether all differences are within the tolerance; one that is NaN is not."""
    return all(value <= TOLERANCE for value in found.values())


def difference(then: np.ndarray, now: torch.Tensor) -> float:
    """The largest absolute difference of two arrays of one shape, beyond what rounding to half precision makes of it,
    in standard deviations of `now`."""
    now = now.cpu().numpy()
    rounding = np.spacing(np.abs(now).astype(np.float16)).astype(np.float32) if then.dtype == np.float16 else 0
    return float((np.abs(then - now) - rounding).clip(min=0).max() / now.std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="whose dumps: teacher, assistant (default: both)")
    command.run(lambda: main(parser.parse_args().networks))
