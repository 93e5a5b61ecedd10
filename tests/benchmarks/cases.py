"""Studies to time: random pixels and random weights, as time asks for neither. Labels are 14 as CheXpert's."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from distill import dumps, fit, inference, losses, prepared, runtime
from distill.batches import Batches
from distill.distil import distil
from distill.models import Backbone, Ensemble, Student
from stages import dump

LABELS, GRID, VIEWS, BATCH = 14, 4, 2, 32
AMOUNTS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
TRAINING = {"epochs": 1, "batch_size": BATCH, "lr": 1e-3, "weight_decay": 1e-5, "schedule": "constant", "seed": 0}
LESSON = {"temperature": 20, "softening": "sigmoid", "weights": {"hard": 1.0, "soft": 1.0, "feature": 1.0}}


class Case:
    """Images of one size, a teacher, and its dump."""

    def __init__(self, folder: Path, *, size: int, count: int, backbones: list[str], levels: list[int]) -> None:
        self.size, self.folder, self.device = size, folder, runtime.start(0)
        members = [Backbone(name, outputs=LABELS, levels=levels, grid=GRID) for name in backbones]
        self.teacher = Ensemble(members).eval().to(self.device, memory_format=torch.channels_last)
        make_data(folder / "prepared.h5", size=size, count=count)
        views = {"device": self.device, "views": AMOUNTS, "count": VIEWS}
        self.train, self.dev = (Batches(folder / "prepared.h5", split, **views) for split in ("train", "dev"))
        about = {"names": self.train.split.names, "image_id": self.train.split.image_id}
        dumps.create(folder / "labels.h5", **about)
        self.dump()

    def dump(self) -> None:
        """As stages.dump does it."""
        path = self.folder / "teacher.h5"
        dumps.create(path, network="teacher", **dump.contents(self.teacher, self.train, grid=GRID))
        dump.fill(path, self.teacher, self.train)

    def forward(self) -> None:
        """The teacher's bare forward over the images of the dump, in the same batches, already on the device."""
        size, left = max(1, inference.PIXELS[self.device.type] // self.size**2), VIEWS * len(self.train)
        images = self.train.batch(np.arange(min(len(self.train), size))).images
        while left > 0:
            with torch.inference_mode():
                self.teacher(images[:left])
            left -= len(images)
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def epoch(case: Case, dump: str) -> None:
    """One epoch of a student, dev included, as stages.train_student has it, from a dump or the empty one."""
    student = new_student(case)
    distil(
        student,
        dump=str(case.folder / dump),
        train=case.train,
        dev=case.dev,
        feature_distance=distance,
        title="student",
        precision="auto",
        **LESSON,
        **TRAINING,
    )


def online(case: Case, *, plain: bool) -> None:
    """The usual loop, the teacher's forward in it: the same networks, batches, views, losses and dev.

    `plain` is as one writes it with timm, float32 in torch's own layout; else it has our precision and layout.
    """
    layout = torch.contiguous_format if plain else torch.channels_last
    student, teacher = (network.to(memory_format=layout) for network in (new_student(case), case.teacher))
    optimizer = torch.optim.Adam(student.parameters(), TRAINING["lr"], weight_decay=TRAINING["weight_decay"])
    dtype = torch.float32 if plain else runtime.dtype("auto", case.device)
    for rows in fit.shuffled(len(case.train), len(case.train) // BATCH, seed=0, epoch=0):
        batch = case.train.batch(rows)
        with torch.autocast(case.device.type, dtype, enabled=not plain):
            with torch.no_grad():
                said = teacher(batch.images)
            logits, features = student(batch.images)
        outputs = {"student": (logits.float(), features), "teacher": (said[0].float(), said[1])}
        loss, _ = losses.distillation(**outputs, labels=batch.labels, feature_distance=distance, **LESSON)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inference.logits(student, case.dev)
    case.teacher.to(memory_format=torch.channels_last)


def distance(**maps: torch.Tensor) -> torch.Tensor:
    """As stages.train_student draws its directions."""
    directions = losses.unit_directions(8, GRID**2, device=maps["student"].device)
    return losses.sliced_wasserstein(**maps, directions=directions)


def new_student(case: Case) -> nn.Module:
    """Freshly initialised, in the layout of `weights.build`."""
    return Student(outputs=LABELS, grid=GRID).to(case.device, memory_format=torch.channels_last)


def make_data(path: Path, *, size: int, count: int, rows: np.ndarray | None = None, filled: bool = True) -> None:
    """A prepared file of `count` images to train on and 32 each in dev and test; unless `filled`, its images are black
    and take no disk."""
    rng, columns = np.random.default_rng(0), {}
    for split, images in {"train": count, "dev": 32, "test": 32}.items():
        ids = np.char.add(f"{split}/patient00000/study1/view1_frontal_", np.arange(images).astype(str))
        labels = rng.integers(0, 2, (images, LABELS))
        columns[split] = {"labels": labels, "image_id": ids, "patient_id": ids, "source": ["chexpert"] * images}
    names, rows = [f"label {n}" for n in range(LABELS)], np.arange(count) if rows is None else rows
    about = {"study": "bench", "names": names, "size": size, "columns": columns, "rows": rows}
    prepared.create(path, **about, moments=(0.5, 0.25))
    for split in prepared.SPLITS if filled else ():
        images = len(columns[split]["labels"])
        prepared.fill(path, split, (rng.integers(0, 256, (1, size, size), np.uint8) for _ in range(images)))
