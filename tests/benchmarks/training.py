"""The time of learning from cached outputs, compared with labels alone and with the teacher in the loop.

    python -m tests.benchmarks.training

It also measures the dump against bare forward passes, and reading batches against a bare gather.
"""

import os
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from rayling.common.parallel import prefetch
from rayling.runtime import hardware
from rayling.runtime.loader import Batches
from rayling.storage import dumps
from tests.benchmarks.cases import AMOUNTS, BATCH, VIEWS, Case, epoch, online
from tests.benchmarks.ratio import chip, in_turn, line

CASES = {224: {"count": 320, "levels": [2, 3, 4]}, 64: {"count": 1920, "levels": [1, 2, 3]}}
MORE = {"cpu": 1, "cuda": 20}  # times as many images, because a GPU would finish too soon
TEACHERS = {"cpu": {"DenseNet-121": ["densenet121"]}}
TEACHERS["cuda"] = TEACHERS["cpu"] | {"B6 + B7": ["efficientnet_b6", "efficientnet_b7"]}
GOALS = {(224, "DenseNet-121"): "≤ 0.1", (224, "B6 + B7"): "≤ 0.033"}


def main() -> None:
    """Print the table."""
    device = hardware.start(0)
    print(f"device: {chip()}, torch trains in {hardware.dtype('auto', device)}\n")
    print("| what | against | ratio | goal | on |\n|---|---|---|---|---|")
    for size, case in CASES.items():
        count = case["count"] * MORE[device.type]
        for name, backbones in TEACHERS[device.type].items():
            with TemporaryDirectory() as folder:
                settings = {"size": size, "count": count, "levels": case["levels"], "backbones": backbones}
                table(Case(Path(folder), **settings), name)


def table(case: Case, teacher: str) -> None:
    """Print the rows of one size and one teacher."""
    distilled, what = partial(epoch, case, "teacher.h5"), f"student epoch from cached outputs, {case.size} px"
    goal, alone = "≤ 1.15" if case.size == 224 else "", partial(epoch, case, "labels.h5")
    print(line(what, "from labels only", ratios(distilled, alone, rounds=7), goal), flush=True)
    for plain, how in {True: "as one writes it with timm", False: "in our precision and layout"}.items():
        loop = ratios(distilled, partial(online, case, plain=plain), rounds=3)
        goal = GOALS.get((case.size, teacher), "") if plain else ""
        print(line(what, f"{teacher} in the loop, {how}", loop, goal), flush=True)
    what = f"rate of reading shuffled batches, {case.size} px, two threads"
    print(line(what, "bare memmap gather, one thread", read(case), "≥ 0.8"))
    what = f"dumping {teacher}, {case.size} px, {VIEWS} views"
    print(line(what, "its bare forward", ratios(case.dump, case.forward, rounds=5), "≤ 1.10"), flush=True)


def read(case: Case) -> list[float]:
    """The rate of reading shuffled batches of images and teacher outputs, as a share of a bare gather of the same."""
    dump, rng = dumps.Dump(case.folder / "teacher.h5"), np.random.default_rng(0)
    arrays, on_host = [dump.logits, *dump.levels], {"device": torch.device("cpu"), "count": VIEWS}
    train = Batches(case.folder / "prepared.h5", "train", views=AMOUNTS, **on_host).with_teacher(arrays)
    plan = [(rng.permutation(len(train))[:BATCH], rng.integers(VIEWS, size=BATCH)) for _ in range(200)]

    def ours():
        for _ in prefetch(train.gather, plan):
            pass

    def bare():
        for rows, view in plan:
            for array in arrays:
                array[rows, view]
            train.split.images[rows]

    return [other / one for one, other in in_turn(ours, bare, rounds=7)]


def ratios(first, second, *, rounds: int) -> list[float]:
    """The seconds of the first divided by those of the second, for each round."""
    with Path(os.devnull).open("w") as quiet, redirect_stdout(quiet):
        return [one / other for one, other in in_turn(first, second, rounds=rounds)]


if __name__ == "__main__":
    main()
