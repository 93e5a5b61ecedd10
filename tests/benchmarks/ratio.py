"""Measuring two things in turn, and the ratio of their times."""

import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch


def in_turn(first: Callable, second: Callable, *, rounds: int) -> list[tuple[float, float]]:
    """The seconds of both, `rounds` times one after the other, so that a slow minute of the machine affects both.

    The round before them does not count: it fills the disk's cache.
    """
    return [(_seconds(first), _seconds(second)) for _ in range(rounds + 1)][1:]


def line(what: str, against: str, ratios: list[float], goal: str) -> str:
    """A row of the table, with the median, the smallest and the largest ratio."""
    spread = f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
    return f"| {what} | {against} | {spread} | {goal} | {machine()} |"


def machine() -> str:
    """The number of cores and the architecture of this machine."""
    return f"{os.cpu_count()} cores, {platform.machine()}"


def chip() -> str:
    """The name of the GPU, or of the CPU if there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else torch.cpu.get_capabilities()["cpu_name"]


def peak_memory() -> int:
    """The peak memory of this process in bytes.

    getrusage is not used on Linux, where it counts the memory that the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes
    return next(int(row.split()[1]) * 1024 for row in status.read_text().splitlines() if row.startswith("VmHWM:"))


def _seconds(work: Callable) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
