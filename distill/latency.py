"""Times of exported networks, one image at a time."""

import platform
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from distill.onnx_model import OnnxModel

SECONDS = 1.5  # for each network
FEWEST = 20  # images


def taken(models: Mapping[str, OnnxModel]) -> dict[str, dict[str, float]]:
    """Of each model by its name: `p50_ms` and `p99_ms` of one image of noise, after one to warm up."""
    seconds = {name: [] for name in models}
    noise = np.random.default_rng(0)
    images = {name: noise.integers(0, 256, (1, model.size, model.size), np.uint8) for name, model in models.items()}
    once = {name: _once(model, images[name]) + _once(model, images[name]) for name, model in models.items()}
    rounds = max(FEWEST, int(SECONDS * len(models) / max(1e-9, sum(once.values()))))
    for _ in range(rounds):
        for name, model in models.items():
            _once(model, images[name])  # what was in the caches is another network's
            seconds[name].append(_once(model, images[name]))
    return {name: _quantiles(values) for name, values in seconds.items()}


def machine() -> str:
    """The CPU by its name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _once(model, image):
    began = time.perf_counter()
    model.run(image)
    return time.perf_counter() - began


def _quantiles(seconds):
    middle, late = np.quantile(seconds, [0.5, 0.99]) * 1000
    return {"p50_ms": float(middle), "p99_ms": float(late), "images": len(seconds)}
