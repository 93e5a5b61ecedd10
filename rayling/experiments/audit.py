"""Does a dump match its network? `python -m rayling.experiments.audit teacher assistant` (`make audit`).

Draws images and views at random, runs the network on these pixels again, and prints the largest difference to the dump.
A difference beyond rounding ends with exit status 1. The views are those that the dump describes; `dvc status` shows
whether they are still those of params.yaml.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rayling.common.errors import BadInput, run_command
from rayling.config import params
from rayling.networks import weights
from rayling.runtime import hardware
from rayling.runtime.loader import Batches
from rayling.storage import dumps

NETWORKS = ("teacher", "assistant")
IMAGES = 64
TOLERANCE = 0.01  # standard deviations, beyond the rounding to half precision; another batch size stays well below


def main(names: Sequence[str]) -> None:
    """Audit the dump of each of the named networks, and print a line for each."""
    features, device = params.read("features").features, hardware.start(0)
    for name in names:
        if name not in NETWORKS:
            raise BadInput(f"found {name!r}, expected a network that is dumped: {', '.join(NETWORKS)}")
        dump, model = f"data/dumps/{name}.h5", f"data/models/{name}.safetensors"
        differences = audit(dump, model, "data/prepared.h5", **features.model_dump(), device=device)
        listed = ", ".join(f"{output} {value:.1e}" for output, value in differences.items())
        print(f"{dump}: {IMAGES} views run again; largest difference in standard deviations: {listed}")
        if not within_tolerance(differences):
            expected = f"expected at most {TOLERANCE}: `dvc repro --force --single-item dump@{name}` makes it again"
            raise BadInput(f"{dump}: found a larger difference to {model}, {expected}")


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
    """The largest difference, over random images and views, of each output: `logits`, `level1`, ...

    The unit is the standard deviation of what the network returns now. Raises BadInput if the dump was made with other
    weights, images or labels.
    """
    recipe = dumps.Dump(dump).recipe
    amounts = {name: amount for name, amount in recipe.items() if name not in ("seed", "count")}
    train = Batches(data, "train", device=device, views=amounts, seed=recipe["seed"], count=recipe["count"])
    dumped = dumps.read(dump, names=train.split.names, recipe=recipe, image_id=train.split.image_id)
    network, _ = weights.load(model, split=train.split, levels=levels, grid=grid)
    if dumped.weights != weights.digest(network):
        raise BadInput(f"{dump}: was made with other weights than those of {model}")
    generator = np.random.default_rng(seed)
    rows, view = generator.integers(len(train), size=IMAGES), generator.integers(recipe["count"], size=IMAGES)
    with torch.inference_mode():
        logits, features = network.to(device)(train.batch(rows, view).images)
    dumped_logits, dumped_features = dumped.at(rows, view)
    shapes = [maps.shape for maps in dumped_features], [tuple(maps.shape) for maps in features]
    if shapes[0] != shapes[1]:
        raise BadInput(f"{dump}: found feature maps {shapes[0]}, expected {shapes[1]}")
    names = ["logits", *(f"level{n}" for n in range(1, len(features) + 1))]
    return dict(zip(names, map(difference, [dumped_logits, *dumped_features], [logits, *features]), strict=True))


def within_tolerance(differences: dict[str, float]) -> bool:
    """Whether all differences are within the tolerance; one that is NaN is not."""
    return all(value <= TOLERANCE for value in differences.values())


def difference(dumped: np.ndarray, now: torch.Tensor) -> float:
    """The largest absolute difference of two arrays of equal shape, in standard deviations of `now`.

    Where `dumped` is in half precision, what rounding to it explains is subtracted.
    """
    now = now.cpu().numpy()
    rounding = np.spacing(np.abs(now).astype(np.float16)).astype(np.float32) if dumped.dtype == np.float16 else 0
    return float((np.abs(dumped - now) - rounding).clip(min=0).max() / now.std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS, help="whose dumps: teacher, assistant (default: both)")
    run_command(lambda: main(parser.parse_args().networks))
