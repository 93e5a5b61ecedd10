"""The data path at the size of CheXpert: 224,316 images of 320 px with the dumps of EfficientNet-B6 and -B7.

    python -m tests.benchmarks.scale

The files have their true size but are left empty, so that they take no space on the disk; zeros are read in the same
way as pixels. Prints the size of the files, and whether memory stays the same while batches are streamed.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from rayling.networks.architectures import Backbone
from rayling.storage import arrays, dumps, prepared
from tests.benchmarks.cases import AMOUNTS, GRID, LABELS, make_data
from tests.benchmarks.ratio import line

ROOT = Path(__file__).parents[2]
IMAGES, SIZE, LEVELS = 224_316, 320, [2, 3, 4]
NETWORKS = {"B6 + B7": ["efficientnet_b6", "efficientnet_b7"], "DenseNet-121": ["densenet121"]}


def main() -> None:
    """Print both tables."""
    print("| file | bytes |\n|---|---|")
    with TemporaryDirectory() as folder:
        make_data(Path(folder) / "prepared.h5", size=SIZE, count=IMAGES, filled=False)
        print(f"| data/prepared.h5, {IMAGES:,} images, {SIZE} px | {gigabytes(Path(folder) / 'prepared.h5')} |")
    for name, backbones in NETWORKS.items():
        for views in (1, 4):
            with TemporaryDirectory() as folder:
                path = lay_out(Path(folder), backbones, IMAGES, views)
                print(f"| dump of {name}, V = {views} | {gigabytes(path)} |")
    print("\n| what | against | ratio | goal | on |\n|---|---|---|---|---|")
    small, large = (stream(count) for count in (IMAGES // 100, IMAGES))
    what = f"peak memory while streaming {IMAGES:,} images ({large['peak'] / 2**20:.0f} MiB)"
    print(line(what, f"a hundredth ({small['peak'] / 2**20:.0f} MiB)", [large["peak"] / small["peak"]], "≤ 1.2"))
    print(f"\nfrom cold files of zeros {large['rate']:,.0f} images a second with their feature maps")


def channels(backbones: list[str]) -> list[int]:
    """The number of channels of each level over all backbones, computed from shapes alone."""
    with torch.device("meta"):
        networks = [Backbone(name, outputs=1, levels=LEVELS, grid=GRID).eval() for name in backbones]
        features = [network(torch.zeros(1, 1, SIZE, SIZE)).features for network in networks]
    return [sum(level.shape[1] for level in levels) for levels in zip(*features, strict=True)]


def lay_out(folder: Path, backbones: list[str], count: int, views: int) -> Path:
    """Write a prepared file of `count` black images and a finished dump for it. Returns the path of the dump."""
    make_data(folder / "prepared.h5", size=SIZE, count=count, filled=False)
    train = prepared.read(folder / "prepared.h5", "train")
    about = {"names": train.names, "image_id": train.image_id, "grid": GRID, "channels": channels(backbones)}
    dumps.create(folder / "teacher.h5", network="teacher", **about, recipe={"seed": 0, "count": views, **AMOUNTS})
    with arrays.Writer(folder / "teacher.h5", ["done"]) as writer:
        writer.put("done", 0, np.ones(count, bool))
    return folder / "teacher.h5"


def gigabytes(path: Path) -> str:
    """The size of a file as text."""
    return f"{path.stat().st_size / 1e9:.1f} GB"


def stream(count: int) -> dict[str, float]:
    """Read 300 random batches of `count` images and of the outputs of B6 + B7, in a process of its own."""
    with TemporaryDirectory() as folder:
        lay_out(Path(folder), NETWORKS["B6 + B7"], count, 1)
        done = subprocess.run([sys.executable, "-c", RUN, folder], cwd=ROOT, capture_output=True, check=True)
    return json.loads(done.stdout)


RUN = f"""
import json, sys, time
import numpy as np, torch
from rayling.storage import dumps
from rayling.runtime import hardware
from rayling.common.parallel import prefetch
from rayling.runtime.loader import Batches
from tests.benchmarks.ratio import peak_memory
hardware.memory_budget = lambda device: 0
folder, rng = sys.argv[1], np.random.default_rng(0)
train = Batches(folder + "/prepared.h5", "train", device=torch.device("cpu"), views={AMOUNTS}, count=1)
dump = dumps.Dump(folder + "/teacher.h5")
train = train.with_teacher([dump.logits, *dump.levels])
plan = [(rng.integers(len(train), size=32), np.zeros(32, int)) for _ in range(300)]
start = time.perf_counter()
for gathered in prefetch(train.gather, plan):
    batch = train.deliver(gathered)
    assert batch.labels.shape == (32, {LABELS})
rate = 300 * 32 / (time.perf_counter() - start)
print(json.dumps({{"rate": rate, "peak": peak_memory()}}))
"""

if __name__ == "__main__":
    main()
