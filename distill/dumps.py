"""`data/dumps/<network>.h5`: what a network said of every view of every train image.

Logits are kept raw, so that soft labels at any temperature follow from them without the network.
Shapes: N images, V views, K labels, C channels, g grid.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from distill import hdf5
from distill.atomic import atomic
from distill.errors import BadInput
from distill.mapped import allocate, mapped

FORMAT = 3


def create(
    path: str | Path,
    *,
    names: list[str],
    image_id: np.ndarray,
    network: str = "labels",
    recipe: Mapping[str, float] = MappingProxyType({"count": 0}),
    channels: Iterable[int] = (),
    grid: int = 0,
    backbones: Iterable[str] = (),
    weights: str = "",
) -> None:
    """Lay out an unfilled dump; with no more than names and ids it is the empty dump, of one who says nothing.

    `names` are the K labels, `network` is who speaks, `recipe` says which views, `channels` are those of each level,
    `weights` is the SHA-256 of the network's file.
    """
    channels, count, views = list(channels), len(image_id), int(recipe["count"])
    with hdf5.new(path) as file:
        hdf5.note(file, format=FORMAT, labels=names, recipe=_text(recipe), levels=len(channels))
        hdf5.note(file, network=network, backbones=json.dumps(list(backbones)), weights=weights)
        hdf5.store(file, "image_id", image_id)
        allocate(file, "logits", (count, views, len(names)), "float32")
        for level, width in enumerate(channels, 1):
            allocate(file, f"level{level}", (count, views, width, grid, grid), "float16")
        allocate(file, "done", (count,), "bool")[...] = False


def begin(path: str | Path, *, title: str, **about) -> None:
    """Have an unfinished dump of these contents (as for `create`) at `path`, a new one unless it is there.

    Tells its size. Raises BadInput if the disk can't hold what is missing and the copy that DVC's cache will take.
    """
    if Path(path).exists():
        done = Dump(path).done
        print(f"{title}: goes on at image {int(done.sum()):,} of {len(done):,}")
        _check_room(path, path, title)
        return
    with atomic(path) as unfilled:
        create(unfilled, **about)  # takes no disk yet
        _check_room(unfilled, path, title)
        with unfilled.open("rb") as file:
            os.fsync(file.fileno())


def _check_room(file: str | Path, path: str | Path, title: str) -> None:
    found = Path(file).stat()
    missing, free = 2 * found.st_size - 512 * found.st_blocks, shutil.disk_usage(Path(file).parent).free
    print(f"{title}: will take {found.st_size / 1e6:,.1f} MB", flush=True)
    if missing > free:
        expected = f"expected {missing / 1e6:,.1f} MB, for it and its copy in DVC's cache"
        raise BadInput(f"{path}: {title}: found {free / 1e6:,.1f} MB free on the disk, {expected}")


class Dump:
    """The mapped arrays of one dump."""

    def __init__(self, path: str | Path) -> None:
        """Map the file at `path`. Raises BadInput if it is no dump of this format, or damaged."""
        with self._opened(path) as file:
            self.path, self.network, self.weights = path, hdf5.fact(file, "network"), hdf5.fact(file, "weights")
            self.names, self.recipe = hdf5.fact(file, "labels"), hdf5.fact(file, "recipe")
            views, levels = json.loads(self.recipe)["count"], hdf5.fact(file, "levels")
            count = len(file["image_id"])
            self.logits = mapped(hdf5.dataset(file, "logits", "float32", (count, views, len(self.names))))
            maps = (
                hdf5.dataset(file, f"level{n}", "float16", (count, views, *3 * [None])) for n in range(1, levels + 1)
            )
            self.levels = [mapped(level) for level in maps]  # (N, V, C, g, g)
            self.done = mapped(hdf5.dataset(file, "done", "bool", (count,)))

    @staticmethod
    def _opened(path):
        return hdf5.opened(path, what="dump", version=FORMAT, expected="what `dump` writes")

    @property
    def image_id(self) -> np.ndarray:
        """The names of its images (N,), read anew each time: nobody needs them twice."""
        with self._opened(self.path) as file:
            return hdf5.load(file, "image_id", "S", (None,))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to learn from but the labels."""
        return not self.levels

    def at(self, rows: np.ndarray, view: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]] | None:
        """Logits float32 (B, K) and feature maps float16 (B, C, g, g) of the rows (B,) in views (B,); None if empty."""
        if self.empty:
            return None
        return self.logits[rows, view], [level[rows, view] for level in self.levels]


def read(path: str | Path, *, names: list[str], recipe: Mapping[str, float], image_id: np.ndarray) -> Dump:
    """The finished dump at `path`, if it is of the network that the path says, these labels, views and images (N,).

    Else raises BadInput.
    """
    dump, network = Dump(path), Path(path).stem
    if dump.network != network:
        raise BadInput(f"{path}: found what {dump.network!r} said, expected what {network!r} did")
    if dump.names != names:
        raise BadInput(f"{path}: of labels {dump.names}, expected {names}")
    if not dump.empty and dump.recipe != _text(recipe):
        raise BadInput(f"{path}: of views {dump.recipe}, expected {_text(recipe)}")
    if not np.array_equal(dump.image_id, image_id):
        raise BadInput(f"{path}: its {len(dump.done)} images are not the {len(image_id)} of the train split")
    if not (dump.empty or dump.done.all()):
        raise BadInput(f"{path}: {int((~dump.done).sum())} images are not done, expected a finished dump")
    return dump


def _text(recipe: Mapping[str, float]) -> str:
    return json.dumps(dict(recipe), sort_keys=True)
