"""Two things in turn, and how they compare."""

import os
import platform
import time
from collections.abc import Callable
from statistics import median


def in_turn(first: Callable, second: Callable, *, rounds: int) -> list[tuple[float, float]]:
    """The seconds of both, `rounds` times one after the other, so that a slow minute of the machine hits both.

    One round before is thrown away: it fills the disk's cache.
    """
    return [(_seconds(first), _seconds(second)) for _ in range(rounds + 1)][1:]


def line(what: str, against: str, ratios: list[float], goal: str) -> str:
    """A row of the table: median, least and greatest."""
    spread = f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return f"| {what} | {against} | {spread} | {goal} | {machine()} |"


def machine() -> str:
    """What a figure was measured on."""
    return f"{os.cpu_count()} cores, {platform.machine()}"


def _seconds(work: Callable) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
