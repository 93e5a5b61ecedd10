"""What the exported student costs its user on one thread of a CPU: against large networks, and in `predict`.

python -m tests.benchmarks.latency

The networks have random weights, which take as long as any, and are all exported by the same code.
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

from distill import latency, portable, predict, quantised, weights
from distill.familiar import Familiar
from distill.notice import NOTICE
from distill.onnx_model import OnnxModel
from tests.benchmarks.ratio import in_turn, line

SIZE, LABELS, IMAGES = 224, 14, 1000
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
        times = in_turn(*predictions(Path(folder, "films"), student), rounds=5)
        rates = [bare / ours for ours, bare in times]
        print(line(f"rate of `predict` on {IMAGES} JPEG", "bare decode, resize and onnxruntime", rates, "≥ 0.8"))


def export(path: Path, backbones: list[str]) -> Path:
    """A network of random weights, of the student's kind without `backbones`."""
    names = [f"label {n}" for n in range(LABELS)]
    about = {"network": "x", "backbones": backbones, "labels": names, "size": SIZE, "mean": 0.5, "std": 0.25}
    header = weights.Header(**about, study="bench", seed=0, platt=[[1.0, 0.0]] * LABELS)
    network = weights.build(header)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)  # else all are 0, as in no trained network, and the exporter shares them
    model = portable.Portable(network, header, Familiar(SIZE))
    facts = about | {"threshold": dict.fromkeys(names, 0.5), "keep_aspect": False, "notice": NOTICE}
    portable.save(path, portable.exported(model, size=SIZE), facts)
    return path


def shipped(folder: Path) -> Path:
    """The faster of the student's two files here; prints both."""
    full = export(folder / "student.onnx", [])
    both = full, small(folder / "student.int8.onnx", full)
    times = latency.taken({path.name: OnnxModel(path) for path in both})
    for path in both:
        print(f"{path.name}: {times[path.name]['p50_ms']:.2f} ms, {path.stat().st_size:,} bytes")
    return min(both, key=lambda path: times[path.name]["p50_ms"])


def small(path: Path, full: Path, *, cells: bool = True) -> Path:
    """The model `full` in 8 bits, as `quantise` writes it or without `quantised.in_cells`."""
    noise = np.random.default_rng(0).integers(0, 256, (64, SIZE, SIZE), np.uint8)
    with nullcontext() if cells else patch.object(quantised, "in_cells", lambda model: model):
        portable.save(path, quantised.quantised(full, noise), OnnxModel(full).facts)
    return path


def against(large: OnnxModel, student: OnnxModel, *, times: int = 5) -> list[float]:
    """How many times as long the large one takes, in turn; so many runs of it a round."""
    image = np.random.default_rng(1).integers(0, 256, (1, SIZE, SIZE), np.uint8)

    def repeat(model, count):
        for _ in range(count):
            model.run(image)

    pairs = in_turn(partial(repeat, large, times), partial(repeat, student, 200), rounds=7)
    return [(slow / times) / (fast / 200) for slow, fast in pairs]


def predictions(films: Path, student: Path):
    """`predict` on a folder of films, and the same written by hand with as many threads."""
    films.mkdir()
    rng = np.random.default_rng(2)
    for number in range(IMAGES):
        coarse = Image.fromarray(rng.integers(0, 256, (48, 48), np.uint8))
        coarse.resize((512, 512), Image.Resampling.BICUBIC).save(films / f"{number:04}.jpeg", quality=90)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(student, options)

    def bare(path):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        return session.run(None, {"pixels": pixels[None]})

    def all_bare():
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(bare, sorted(films.iterdir())))

    def ours():
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
            predict.main([str(student), str(films), "--csv"])

    return ours, all_bare


if __name__ == "__main__":
    main()
