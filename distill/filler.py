"""Fills a dump, and knows at any moment which of its rows the disk has."""

import time
from pathlib import Path

import numpy as np

from distill.dumps import Dump
from distill.mapped import Writer

SETTLE_BYTES, SETTLE_SECONDS = 2**28, 30  # what a killed dump does again at most


class Filler:
    """Writes rows of a dump that `dumps.create` laid out: `with Filler(path) as dump: dump.put(...)`."""

    def __init__(self, path: str | Path) -> None:
        self.levels = [f"level{n}" for n in range(1, len(Dump(path).levels) + 1)]
        self.writer, self.sound, self.waiting = Writer(path, ["logits", *self.levels, "done"]), True, []
        self.written, self.settled, self.settled_at = 0, 0, time.monotonic()  # bytes, bytes, seconds

    def __enter__(self) -> "Filler":
        return self

    def __exit__(self, *_) -> None:
        with self.writer:
            if self.sound:  # also where the network, or the user, has broken off
                self._settle()

    def put(self, rows: slice, logits: np.ndarray, features: list[np.ndarray]) -> None:
        """Keep what the network said of all views of some rows: logits (B, V, K), feature maps (B, V, C, g, g)."""
        self.sound = False  # what was not written, or not synced, must never be called done
        for name, values in zip(["logits", *self.levels], [logits, *features], strict=True):
            self.writer.put(name, rows.start, values)
            self.written += values.nbytes
        self.waiting.append(rows)
        if self.written - self.settled > SETTLE_BYTES or time.monotonic() - self.settled_at > SETTLE_SECONDS:
            self._settle()
        self.sound = True

    def _settle(self):
        """Note as done what the disk has: after a loss of power no row may be done that is not there."""
        self.writer.sync()
        for rows in self.waiting:
            self.writer.put("done", rows.start, np.ones(rows.stop - rows.start, bool))
        self.waiting, self.settled, self.settled_at = [], self.written, time.monotonic()
