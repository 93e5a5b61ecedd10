"""A progress bar where tqdm is not to be had: `predict` needs as little as can be."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 24  # signs
PAUSE = 0.1  # seconds between two drawings


class Bar:
    """`with Bar(1000, "image") as bar: bar.update()`: how many of how many, their rate, the seconds left.

    On standard error, and there only if it is a terminal.
    """

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit, self.done = total, unit, 0
        self.shown = total > 1 and sys.stderr.isatty()
        self.began, self.drawn = time.monotonic(), 0.0

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_) -> None:
        self._clear()

    def update(self) -> None:
        """One more is done."""
        self.done += 1
        now = time.monotonic()
        if self.shown and now - self.drawn > PAUSE:
            self.drawn = now
            print(f"\r{self.text(now - self.began)}\x1b[K", end="", file=sys.stderr, flush=True)

    def text(self, seconds: float) -> str:
        """What it shows after so many seconds."""
        rate = self.done / max(seconds, 1e-9)
        filled = "#" * (WIDTH * self.done // self.total)
        left = (self.total - self.done) / max(rate, 1e-9)
        return f"[{filled:<{WIDTH}}] {self.done:,} of {self.total:,}, {rate:,.0f} {self.unit}s/s, {left:,.0f} s left"

    @contextmanager
    def aside(self, *, error: bool = False) -> Iterator[None]:
        """Out of the way of what the block prints, where that comes to the same terminal."""
        if error or sys.stdout.isatty():
            self._clear()
        yield

    def _clear(self) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
