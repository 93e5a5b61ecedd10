"""Does a dump match its network? `python -m rayling.experiments.audit teacher assistant` (`make audit`).

Draws images and views at random, runs the network on these pixels again, and prints the largest difference to the dump.
A difference beyond rounding ends with exit status 1. The views are those that the dump describes; `dvc status` shows
whether they are still those of params.yaml.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from rayling.common.errors import BadInput, run_command
from rayling.config import params
from rayling.dumping import networks
from rayling.dumping.fill import Part
from rayling.runtime import hardware
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from rayling.storage.dumps import Dump

NETWORKS = ("teacher", "assistant")
IMAGES = 64
TOLERANCE = 0.01  # standard deviations, beyond the rounding to half precision; another batch size stays well below


def main(names: Sequence[str]) -> None:
    """Audit the dump of each of the named networks, and print a line for each."""
    p, device = params.read("features", "lesson", "teacher.folds"), hardware.start(0)
    levels = p.features.levels if p.lesson == "cached_views" else []
    for name in names:
        if name not in NETWORKS:
            raise BadInput(f"found {name!r}, expected a network that is dumped: {', '.join(NETWORKS)}")
        dump = f"data/dumps/{name}.h5"
        count = p.teacher.folds if name == "teacher" else 1
        differences = audit(name, folds=count, levels=levels, grid=p.features.grid, device=device)
        listed = ", ".join(f"{output} {value:.1e}" for output, value in differences.items())
        print(f"{dump}: {IMAGES} views run again; largest difference in standard deviations: {listed}")
        if not within_tolerance(differences):
            expected = f"expected at most {TOLERANCE}: `dvc repro --force --single-item dump@{name}` makes it again"
            raise BadInput(f"{dump}: found a larger difference to the network, {expected}")


def audit(
    name: str, *, folds: int, levels: list[int], grid: int, device: torch.device, seed: int = 0
) -> dict[str, float]:
    """The largest difference, over random images and views, of each output: `logits`, `level1`, ...

    The unit is the standard deviation of what the network returns now; with folds it is the network that never saw the
    image. Raises BadInput if the dump was made with other weights, images or labels.
    """
    path = f"data/dumps/{name}.h5"
    recipe = dumps.Dump(path).recipe
    amounts = {key: amount for key, amount in recipe.items() if key not in ("seed", "count")}
    about = {"seed": recipe["seed"], "count": recipe["count"], "pixels": f"data/pixels/{name}.h5"}
    train = Batches("data/prepared.h5", "train", device=device, views=amounts, **about)
    dumped = dumps.read(path, names=train.split.names, recipe=recipe, image_id=train.split.image_id)
    parts, made_by = networks.to_dump(name, train, count=folds, seed=recipe["seed"], levels=levels, grid=grid)
    if dumped.weights != made_by["weights"]:
        raise BadInput(f"{path}: was made with other weights than those of data/models")
    generator = np.random.default_rng(seed)
    rows, view = generator.integers(len(train), size=IMAGES), generator.integers(recipe["count"], size=IMAGES)
    found = [differences(part, dumped, train, rows, view) for part in parts]
    return {output: max(one[output] for one in found if one) for output in next(filter(None, found))}


def differences(part: Part, dumped: Dump, train: Batches, rows: np.ndarray, view: np.ndarray) -> dict[str, float]:
    """The differences for those of the rows (B,), in their views (B,), that are the part's; nothing if none is."""
    own = part.among[rows]
    if not own.any():
        return {}
    with torch.inference_mode():
        logits, features = part.network.eval()(train.batch(rows[own], view[own]).images)
    dumped_logits, dumped_features = dumped.at(rows[own], view[own])
    shapes = [maps.shape for maps in dumped_features], [tuple(maps.shape) for maps in features]
    if shapes[0] != shapes[1]:
        raise BadInput(f"{dumped.path}: found feature maps {shapes[0]}, expected {shapes[1]}")
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
