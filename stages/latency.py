"""Measure how long each exported network takes for one image on one thread of this machine's CPU.

Times differ from run to run, so they stand in a file of their own, which no stage but the report reads.
Reads data/models/*.onnx, writes metrics/latency.json.
"""

import platform
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rayling.common.atomic import write_json
from rayling.predict.model import OnnxModel

NETWORKS = ("teacher", "assistant", "student", "student.int8")
SECONDS = 1.5  # of measuring for each network
MIN_IMAGES = 20  # for each network


def main() -> None:
    """Measure all networks, and note which file of the student is the faster one."""
    models = {name: OnnxModel(f"data/models/{name}.onnx") for name in NETWORKS}
    times = measure(models)
    fastest = min(("student", "student.int8"), key=lambda name: times[name]["p50_ms"])
    write_json("metrics/latency.json", {"machine": machine(), "threads": 1, "faster_student": fastest} | times)


def measure(models: Mapping[str, OnnxModel]) -> dict[str, dict[str, float]]:
    """The time of one image of noise for each model, by its name.

    `p50_ms` and `p99_ms` are the median and the 99th percentile in milliseconds over so many `images`. The models take
    turns, so a change of the machine's load affects all of them.
    """
    noise = np.random.default_rng(0)
    images = {name: noise.integers(0, 256, (1, model.size, model.size), np.uint8) for name, model in models.items()}
    first = {name: _seconds(model, images[name]) + _seconds(model, images[name]) for name, model in models.items()}
    rounds = max(MIN_IMAGES, int(SECONDS * len(models) / max(1e-9, sum(first.values()))))
    seconds = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            _seconds(model, images[name])  # fill the CPU's caches, which hold another network's data
            seconds[name].append(_seconds(model, images[name]))
    return {name: _percentiles(values) for name, values in seconds.items()}


def machine() -> str:
    """The name of the CPU, as far as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _seconds(model: OnnxModel, pixels: np.ndarray) -> float:
    start = time.perf_counter()
    model.run(pixels)
    return time.perf_counter() - start


def _percentiles(seconds: list[float]) -> dict[str, float]:
    median, late = np.quantile(seconds, [0.5, 0.99]) * 1000
    return {"p50_ms": float(median), "p99_ms": float(late), "images": len(seconds)}


if __name__ == "__main__":
    main()
