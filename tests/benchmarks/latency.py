"""How fast the exported student is on one thread of a CPU, compared with large networks, and in `predict`.

    python -m tests.benchmarks.latency

The networks have random weights, on which times do not depend, and are all exported by the same code.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import onnxruntime
from PIL import Image
from torch import nn

from rayling.evaluation.results import Calibration
from rayling.export import int8, onnx_export, onnx_file
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from rayling.predict import __main__
from rayling.predict.model import OnnxModel
from stages.latency import measure
from tests.benchmarks.ratio import in_turn, line

SIZE, LABELS, IMAGES = 224, 14, 1000
HEAD = 4  # the student's linear layer sees averages over so many cells each way
BOTH = ["efficientnet_b6", "efficientnet_b7"]
LARGE = {"EfficientNet-B6 + B7": (BOTH, "≥ 100"), "DenseNet-121": (["densenet121"], "≥ 10")}


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as folder:
        student = shipped(Path(folder))
        print("\n| what | against | ratio | goal | on |\n|---|---|---|---|---|")
        pixel_by_pixel = small(Path(folder, "pixels.onnx"), Path(folder, "student.onnx"), cells=False)
        slower = against(OnnxModel(pixel_by_pixel), OnnxModel(student), times=200)
        print(line("the student in 8 bits without cells of pixels", student.stem, slower, "> 1"), flush=True)
        for name, (backbones, goal) in LARGE.items():
            large = OnnxModel(export(Path(folder, "large.onnx"), backbones))
            slower = against(large, OnnxModel(student))
            print(line(f"{name}, one image of {SIZE} px", student.stem, slower, goal), flush=True)
        times = in_turn(*predictions(Path(folder, "images"), student), rounds=5)
        rates = [bare / ours for ours, bare in times]
        print(line(f"rate of `predict` on {IMAGES} JPEG", "bare decode, resize and onnxruntime", rates, "≥ 0.8"))


def export(path: Path, backbones: list[str]) -> Path:
    """Export a network with random weights, a student if there are no `backbones`."""
    names = [f"label {n}" for n in range(LABELS)]
    about = {"network": "x", "backbones": backbones, "labels": names, "size": SIZE, "mean": 0.5, "std": 0.25}
    about |= {"standardise": False, "frozen": [False] * len(backbones), "head": 0 if backbones else HEAD}
    header = weights.Header(**about, study="bench", exclusive=False, pretrained=False)
    network = weights.build(header)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)  # else all are 0, as in no trained network, and the exporter shares them
    calibration = Calibration(names, np.tile([1.0, 0.0], (LABELS, 1)), np.full(LABELS, 0.5))
    model = onnx_export.ExportedNetwork(network, header, calibration, OutOfDistribution(SIZE))
    facts = about | {"threshold": dict.fromkeys(names, 0.5), "keep_aspect": False, "notice": NOTICE}
    onnx_file.save(path, onnx_export.to_onnx(model, size=SIZE), facts)
    return path


def shipped(folder: Path) -> Path:
    """The faster one of the student's two files on this machine. Prints the times of both."""
    full = export(folder / "student.onnx", [])
    both = full, small(folder / "student.int8.onnx", full)
    times = measure({path.name: OnnxModel(path) for path in both})
    for path in both:
        print(f"{path.name}: {times[path.name]['p50_ms']:.2f} ms, {path.stat().st_size:,} bytes")
    return min(both, key=lambda path: times[path.name]["p50_ms"])


def small(path: Path, full: Path, *, cells: bool = True) -> Path:
    """The model `full` in 8 bits, as `quantise` writes it, or without `int8.space_to_depth` unless `cells`."""
    noise = np.random.default_rng(0).integers(0, 256, (64, SIZE, SIZE), np.uint8)
    with nullcontext() if cells else patch.object(int8, "space_to_depth", lambda model: model):
        onnx_file.save(path, int8.quantise(full, noise), OnnxModel(full).facts)
    return path


def against(large: OnnxModel, student: OnnxModel, *, times: int = 5) -> list[float]:
    """The time of the large network divided by that of the student, for each round of `times` runs of the former."""
    image = np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE), np.uint8)

    def repeat(model, count):
        for _ in range(count):
            model.run(image)

    pairs = in_turn(partial(repeat, large, times), partial(repeat, student, 200), rounds=7)
    return [(slow / times) / (fast / 200) for slow, fast in pairs]


def predictions(folder: Path, student: Path):
    """`predict` on a folder of images, and the same written by hand with as many threads."""
    folder.mkdir()
    rng = np.random.default_rng(2)
    for number in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (48, 48), np.uint8))
        coarse.resize((512, 512), Image.Resampling.BICUBIC).save(folder / f"{number:04}.jpeg", quality=90)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(student, options)

    def bare(path):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        return session.run(None, {"pixels": pixels[None]})

    def all_bare():
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(bare, sorted(folder.iterdir())))

    def ours():
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            __main__.main([str(student), str(folder), "--csv"])

    return ours, all_bare


if __name__ == "__main__":
    main()
