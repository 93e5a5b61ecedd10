"""Peak memory of training a student when no data may stay in memory: about the same for a hundred times the images.

python -m tests.benchmarks.memory
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rayling.storage import arrays, dumps, prepared
from tests.benchmarks.cases import AMOUNTS, GRID, make_data
from tests.benchmarks.ratio import line

ROOT = Path(__file__).parents[2]
COUNT, TIMES = 2000, 100


def main() -> None:
    """Print the table."""
    peaks = [peak(COUNT), peak(TIMES * COUNT)]
    what = f"peak memory of train_student, streaming, {TIMES * COUNT:,} images ({peaks[1] / 2**20:.0f} MiB)"
    print("| what | against | ratio | goal | on |\n|---|---|---|---|---|")
    print(line(what, f"{COUNT:,} images ({peaks[0] / 2**20:.0f} MiB)", [peaks[1] / peaks[0]], "≤ 1.2"))


def peak(count: int) -> int:
    """The peak memory, in bytes, of one epoch of 4,096 rows out of `count` images."""
    with TemporaryDirectory() as folder:
        lay_out(Path(folder), count)
        done = subprocess.run([sys.executable, "-c", RUN, folder], cwd=ROOT, capture_output=True, check=True)
    return int(done.stdout.split()[-1])


def lay_out(folder: Path, count: int) -> None:
    """Write black images of 64 px and a finished dump with the channels of DenseNet-121."""
    make_data(folder / "prepared.h5", size=64, count=count, epoch=4096, filled=False)
    train, recipe = prepared.read(folder / "prepared.h5", "train"), {"seed": 0, "count": 1, **AMOUNTS}
    about = {"names": train.names, "image_id": train.image_id, "recipe": recipe, "grid": GRID}
    dumps.create(folder / "teacher.h5", network="teacher", **about, channels=(256, 512, 1024))
    with arrays.Writer(folder / "teacher.h5", ["done"]) as writer:
        writer.put("done", 0, np.ones(count, bool))


RUN = """
import sys
from pathlib import Path
from types import SimpleNamespace
from rayling.runtime import hardware
hardware.memory_budget = lambda device: 0
from rayling.runtime.loader import Batches
from tests.benchmarks import cases
from tests.benchmarks.ratio import peak_memory
path = Path(sys.argv[1])
views = {"device": hardware.start(0), "views": cases.AMOUNTS}
train, dev = (Batches(path / "prepared.h5", split, **views) for split in ("train", "dev"))
cases.epoch(SimpleNamespace(folder=path, train=train, dev=dev, device=train.device), "teacher.h5")
print(peak_memory())
"""

if __name__ == "__main__":
    main()
