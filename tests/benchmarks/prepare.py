"""How fast `prepare` reads images compared with bare decoding and resizing, and its peak memory with 10× the images.

    python -m tests.benchmarks.prepare

Images have soft shapes and grain like X-rays. They are saved as JPEG at the usual sizes of X-rays: 224 px (as in many
copies of Kermany's set), 390×320 (CheXpert-v1.0-small), 1024 px (NIH) and 2048 px (a hospital's own).
"""

import os
import resource
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from PIL import Image

from rayling.images import reading
from rayling.preparation import decoding
from tests.benchmarks.ratio import in_turn, line

ROOT = Path(__file__).parents[2]
SIZE = 64  # pixels, of the default study
SHAPES = {(224, 224): 2000, (390, 320): 1000, (1024, 1024): 800, (2048, 2048): 200}  # shape: number of images


def main() -> None:
    """Print the table."""
    print("| what | against | ratio | goal | on |\n|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for shape, count in SHAPES.items():
            print(rate(Path(folder), shape, count), flush=True)
        print(memory(Path(folder), 1000), flush=True)


def rate(folder: Path, shape: tuple[int, int], count: int) -> str:
    """Images a second of our decoding (decode, resize, fingerprint, write) as a share of the bare rate."""
    paths = [folder / f"{n}.jpeg" for n in range(count)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(draw, shape=shape), paths, range(count), chunksize=8))

    def ours():
        images = [reading.File(path, inside=folder.resolve()) for path in paths]
        with (folder / "pixels").open("wb") as out:
            decoding.decode_all(images, count=count, size=SIZE, keep_aspect=False, out=out)

    def bare():
        with ProcessPoolExecutor() as pool:
            list(pool.map(decode, paths, chunksize=8))

    seconds = in_turn(ours, bare, rounds=7)
    what = f"intake of {shape[0]}×{shape[1]} JPEG, {count / min(one for one, _ in seconds):,.0f} images/s"
    return line(what, "bare decode and resize", [other / one for one, other in seconds], "≥ 0.85")


def draw(path: Path, seed: int, *, shape: tuple[int, int]) -> None:
    """Write an image of soft shapes and grain."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.normal(128, 45, (12, 12)).astype(np.float32)).resize(shape, Image.Resampling.BICUBIC)
    grain = rng.normal(0, 6, (shape[1], shape[0]))
    Image.fromarray((np.asarray(soft) + grain).clip(0, 255).astype(np.uint8)).save(path, quality=90)


def decode(path: Path) -> None:
    """The minimum of work for an image."""
    with Image.open(path) as image:
        np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def memory(folder: Path, count: int) -> str:
    """The peak memory of the whole stage with ten times the images, compared with that of `count` images."""
    peaks = [peak(folder / str(n), n) for n in (count, 10 * count)]
    what = f"peak memory of prepare, {10 * count:,} images ({peaks[1] / 2**20:.0f} MiB)"
    return line(what, f"{count:,} images ({peaks[0] / 2**20:.0f} MiB)", [peaks[1] / peaks[0]], "flat")


def peak(folder: Path, count: int) -> int:
    """The peak memory, in bytes, of the largest process of `prepare` over `count` images of noise."""
    study = folder / "data/raw/mine"
    study.mkdir(parents=True)
    rows = ["image,Edema,Fracture"]
    for n in range(count):
        pixels = np.random.default_rng(n).integers(0, 256, (224, 224), np.uint8)
        Image.fromarray(pixels).save(study / f"{n}.png", compress_level=1)
        rows.append(f"{n}.png,{n % 2},{n % 3 % 2}")
    (study / "list.csv").write_text("\n".join(rows) + "\n")
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    block = content["studies"]["phantom"]
    sources = [{"reader": "plain_csv", "folder": ".", "file": "list.csv"}]
    block["data"] |= {"sources": sources, "labels": ["Edema", "Fracture"], "size": 224, "dev": 0.2, "test": 0.2}
    (folder / "params.yaml").write_text(yaml.safe_dump(content | {"study": "mine", "studies": {"mine": block}}))
    run = [sys.executable, "-c", RUN]
    done = subprocess.run(run, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    return int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


RUN = f"""
import {resource.__name__}
from stages import prepare
prepare.main()
print(max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
"""

if __name__ == "__main__":
    main()
