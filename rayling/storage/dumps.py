"""`data/dumps/<network>.h5`: the outputs of a network for every view of every train image.

Logits are kept raw, so that soft labels at any temperature follow from them without the network.
Shapes: N images, V views, K labels, C channels, g the grid of a feature map.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.storage import arrays
from rayling.storage.arrays import Writer, allocate, dataset, map_array, read_attribute

FORMAT = 4  # since 4 arrays are aligned
SYNC_BYTES, SYNC_SECONDS = 2**28, 30  # a dump that was killed computes at most this much again


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
    """Lay out a dump without any outputs yet; with no more than `names` and `image_id`, the empty dump of no network.

    `names` are the K labels, `image_id` (N,) those of the images, `network` is whose outputs the dump is for,
    `recipe` says which views, `channels` are those of each level, `weights` is the SHA-256 of the network's tensors.
    """
    channels, count, views = list(channels), len(image_id), int(recipe["count"])
    with arrays.create(path) as file:
        arrays.write_attributes(file, format=FORMAT, labels=names, recipe=_text(recipe), levels=len(channels))
        arrays.write_attributes(file, network=network, backbones=json.dumps(list(backbones)), weights=weights)
        arrays.write_array(file, "image_id", image_id)
        allocate(file, "logits", (count, views, len(names)), "float32")
        for level, width in enumerate(channels, 1):
            allocate(file, f"level{level}", (count, views, width, grid, grid), "float16")
        allocate(file, "done", (count,), "bool")[...] = False


def create_or_resume(path: str | Path, *, title: str, **contents) -> None:
    """Create a dump at `path` (`contents` as for `create`) unless an unfinished one is there, and print its size.

    Raises BadInput if the disk can't hold what is missing and the copy that DVC's cache will take.
    """
    if Path(path).exists():
        done = Dump(path).done
        print(f"{title}: continues at image {int(done.sum()):,} of {len(done):,}")
        return _check_room(path, path, title)
    with atomic(path) as unfinished:
        create(unfinished, **contents)  # takes no space on disk yet
        _check_room(unfinished, path, title)
        with Writer(unfinished, []) as file:
            file.sync()


def _check_room(file: str | Path, path: str | Path, title: str) -> None:
    found = Path(file).stat()
    missing, free = 2 * found.st_size - 512 * found.st_blocks, shutil.disk_usage(Path(file).parent).free
    print(f"{title}: will take {found.st_size / 1e6:,.1f} MB", flush=True)
    if missing > free:
        expected = f"expected {missing / 1e6:,.1f} MB, for it and its copy in DVC's cache"
        raise BadInput(f"{path}: {title}: found {free / 1e6:,.1f} MB free on the disk, {expected}")


class Dump:
    """The outputs of `network`, whose tensors have the SHA-256 `weights`; V is the `count` of views in the `recipe`."""

    def __init__(self, path: str | Path) -> None:
        """Map the file at `path`. Raises BadInput if it is no dump of this format, or damaged."""
        self.path = path
        with self._open() as file:
            self.names, self.recipe = read_attribute(file, "labels", list), _parse(file)
            self.network, self.weights = (read_attribute(file, name, str) for name in ("network", "weights"))
            count, views = len(dataset(file, "image_id", "S", (None,))), self.recipe["count"]
            self.logits = map_array(file, "logits", "float32", (count, views, len(self.names)))  # (N, V, K)
            levels = (f"level{number}" for number in range(1, read_attribute(file, "levels", int) + 1))
            maps = (count, views, None, None, None)  # (N, V, C, g, g)
            self.levels = [map_array(file, level, "float16", maps) for level in levels]
            self.done = map_array(file, "done", "bool", (count,))  # (N,)

    def _open(self):
        expected = f"a dump of format {FORMAT}, as the stage `dump` writes it"
        return arrays.open_checked(self.path, version=FORMAT, expected=expected)

    @property
    def image_id(self) -> np.ndarray:
        """The names of its images (N,), read each time: no stage needs them twice."""
        with self._open() as file:
            return arrays.read_array(file, "image_id", "S", (None,))

    @property
    def empty(self) -> bool:
        """Whether it has no outputs, so that a student learns from the labels alone."""
        return not self.recipe["count"]

    def at(self, rows: np.ndarray, view: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]] | None:
        """Logits (B, K) and feature maps (B, C, g, g) of each level for rows (B,) in views (B,); None if empty."""
        return None if self.empty else (self.logits[rows, view], [level[rows, view] for level in self.levels])


def read(path: str | Path, *, names: list[str], recipe: Mapping[str, float], image_id: np.ndarray) -> Dump:
    """The finished dump at `path`. Raises BadInput unless it is of these labels, views and images (N,), and of the
    network after which the file is named."""
    dump, network = Dump(path), Path(path).stem
    if dump.network != network:
        raise BadInput(f"{path}: found outputs of the network {dump.network!r}, expected those of {network!r}")
    if dump.names != names:
        raise BadInput(f"{path}: found labels {dump.names}, expected {names}")
    if not dump.empty and _text(dump.recipe) != _text(recipe):
        raise BadInput(f"{path}: found views {_text(dump.recipe)}, expected {_text(recipe)}")
    if not np.array_equal(dump.image_id, image_id):
        raise BadInput(f"{path}: its {len(dump.done)} images are not the {len(image_id)} of the train split")
    if not (dump.empty or dump.done.all()):
        raise BadInput(f"{path}: {int((~dump.done).sum())} images are not done, expected a finished dump")
    return dump


def _text(recipe: Mapping[str, float]) -> str:
    return json.dumps(dict(recipe), sort_keys=True)


def _parse(file: h5py.File) -> dict[str, float]:
    text = read_attribute(file, "recipe", str)
    try:
        recipe = json.loads(text)
        if isinstance(recipe["count"], int) and all(isinstance(value, int | float) for value in recipe.values()):
            return recipe
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    raise BadInput(f"{file.filename}: recipe: found {text[:200]!r}, expected numbers by name, count a whole one")


class DumpWriter:
    """Writes outputs into a dump that `create` laid out, and marks images as done once the disk has them."""

    def __init__(self, path: str | Path) -> None:
        self.levels = [f"level{number}" for number in range(1, len(Dump(path).levels) + 1)]
        self.writer = Writer(path, ["logits", *self.levels, "done"])
        self.pending, self.complete = [], True  # rows written but not marked; whether the last `put` came to its end
        self.written, self.synced, self.synced_at = 0, 0, time.monotonic()  # bytes, bytes, seconds

    def __enter__(self) -> "DumpWriter":
        return self

    def __exit__(self, *_) -> None:
        with self.writer:
            if self.complete:  # also where the network failed, or the user has stopped it
                self._mark_done()

    def put(self, rows: np.ndarray, logits: np.ndarray, features: list[np.ndarray]) -> None:
        """Write outputs for all views of the `rows` (B,), in ascending order: logits (B, V, K), feature maps
        (B, V, C, g, g) of each level."""
        self.complete = False
        for name, values in zip(["logits", *self.levels], [logits, *features], strict=True):
            self._put(name, rows, values)
            self.written += values.nbytes
        self.pending.append(rows)
        if self.written - self.synced > SYNC_BYTES or time.monotonic() - self.synced_at > SYNC_SECONDS:
            self._mark_done()
        self.complete = True

    def _put(self, name: str, rows: np.ndarray, values: np.ndarray) -> None:
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):  # of consecutive rows
            self.writer.put(name, int(rows[run[0]]), values[run[0] : run[-1] + 1])

    def _mark_done(self) -> None:
        self.writer.sync()  # first: after a loss of power no image may be done whose outputs are not there
        for rows in self.pending:
            self._put("done", rows, np.ones(len(rows), bool))
        self.pending, self.synced, self.synced_at = [], self.written, time.monotonic()
