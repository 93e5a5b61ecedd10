"""`data/dumps/<network>.h5`: what a network said of every view of every train image.

Logits are kept raw, so that soft labels at any temperature follow from them without the network.
Shapes: N images, V views, K labels, C channels, g grid.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from distill.errors import BadInput
from distill.mapped import allocate, load, mapped, store

FORMAT = 1


def create(
    path: str | Path,
    *,
    names: list[str],
    image_id: np.ndarray,
    recipe: Mapping[str, float] = MappingProxyType({"count": 0}),
    channels: Iterable[int] = (),
    grid: int = 0,
    backbones: Iterable[str] = (),
    weights: str = "",
) -> None:
    """Lay out an unfilled dump; with no more than names and ids it is the empty dump, of one who says nothing.

    `names` are the K labels, `recipe` says which views, `channels` are those of each level, `weights` is the
    SHA-256 of the network's file.
    """
    channels, count, views = list(channels), len(image_id), int(recipe["count"])
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": FORMAT, "labels": names, "recipe": _text(recipe), "levels": len(channels)})
        file.attrs.update({"backbones": json.dumps(list(backbones)), "weights": weights})
        store(file, "image_id", image_id)
        allocate(file, "logits", (count, views, len(names)), "float32")
        for level, width in enumerate(channels, 1):
            allocate(file, f"level{level}", (count, views, width, grid, grid), "float16")
        store(file, "done", np.zeros(count, bool))


class Dump:
    """The mapped arrays of one dump."""

    def __init__(self, path: str | Path, *, mode: str = "r") -> None:
        """Map the file at `path`; mode `r` reads, `r+` fills. Raises BadInput if it is no dump of this format."""
        try:
            with h5py.File(path, "r") as file:
                found = file.attrs.get("format")
                if found != FORMAT or "recipe" not in file.attrs:
                    raise BadInput(f"{path}: format {found}, expected a dump of format {FORMAT}")
                self.names, self.recipe = list(file.attrs["labels"]), str(file.attrs["recipe"])
                levels, self.weights = int(file.attrs["levels"]), str(file.attrs["weights"])
                self.image_id = load(file, "image_id")
            self.logits = mapped(path, "logits", mode)  # (N, V, K)
            self.levels = [mapped(path, f"level{n}", mode) for n in range(1, levels + 1)]  # (N, V, C, g, g)
            self.done = mapped(path, "done", mode)  # (N,)
        except (OSError, KeyError) as error:
            raise BadInput(f"{path}: no dump: {error}; expected what `dump` writes") from None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to learn from but the labels."""
        return not self.levels

    def put(self, rows: slice, view: int, logits: np.ndarray, features: list[np.ndarray]) -> None:
        """Keep what the network said of one view of some rows: logits (B, K), feature maps (B, C, g, g)."""
        self.logits[rows, view] = logits
        for level, maps in zip(self.levels, features, strict=True):
            level[rows, view] = maps

    def at(self, rows: np.ndarray, view: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]] | None:
        """Logits float32 (B, K) and feature maps float16 (B, C, g, g) of the rows (B,) in views (B,); None if empty."""
        if self.empty:
            return None
        return self.logits[rows, view], [level[rows, view] for level in self.levels]


def read(path: str | Path, *, names: list[str], recipe: Mapping[str, float], image_id: np.ndarray) -> Dump:
    """The finished dump at `path`, if it is of these labels, views and images (N,); else BadInput."""
    dump = Dump(path)
    if dump.names != names:
        raise BadInput(f"{path}: of labels {dump.names}, expected {names}")
    if not dump.empty and dump.recipe != _text(recipe):
        raise BadInput(f"{path}: of views {dump.recipe}, expected {_text(recipe)}")
    if not np.array_equal(dump.image_id, image_id):
        raise BadInput(f"{path}: its {len(dump.image_id)} images are not the {len(image_id)} of the train split")
    if not (dump.empty or dump.done.all()):
        raise BadInput(f"{path}: {int((~dump.done).sum())} images are not done, expected a finished dump")
    return dump


def _text(recipe: Mapping[str, float]) -> str:
    return json.dumps(dict(recipe), sort_keys=True)
