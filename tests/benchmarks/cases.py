"""Studies to time: random pixels and random weights, because times do not depend on them. 14 labels as in CheXpert."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from rayling.distillation import losses
from rayling.distillation.distil import distil
from rayling.distillation.losses import mean_over_levels, soft_bce, weighted_sum
from rayling.dumping import fill
from rayling.dumping.fill import Part
from rayling.networks.architectures import Backbone, Ensemble
from rayling.networks.feature_maps import Outputs
from rayling.networks.student import Student
from rayling.runtime import hardware, inference
from rayling.runtime.loader import Batches
from rayling.storage import dumps, prepared
from rayling.training.epochs import shuffled
from rayling.training.hard_loss import mean_loss

LABELS, GRID, VIEWS, BATCH, DIRECTIONS = 14, 4, 2, 32, 8
AMOUNTS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
TRAINING = {"epochs": 1, "batch_size": BATCH, "lr": 1e-3, "weight_decay": 1e-5, "schedule": "constant", "seed": 0}
WEIGHTS = {"hard": 1.0, "soft": 1.0, "feature": 1.0}


class Case:
    """Images of one size, a teacher, and its dump."""

    def __init__(self, folder: Path, *, size: int, count: int, backbones: list[str], levels: list[int]) -> None:
        self.size, self.folder, self.device = size, folder, hardware.start(0)
        members = [Backbone(name, outputs=LABELS, levels=levels, grid=GRID) for name in backbones]
        self.teacher = Ensemble(members).eval().to(self.device, memory_format=torch.channels_last)
        make_data(folder / "prepared.h5", size=size, count=count)
        views = {"device": self.device, "views": AMOUNTS, "count": VIEWS}
        self.train, self.dev = (Batches(folder / "prepared.h5", split, **views) for split in ("train", "dev"))
        dumps.create(folder / "labels.h5", names=self.train.split.names, image_id=self.train.split.image_id)
        self.dump()

    def dump(self) -> None:
        """Dump the teacher as stages/dump.py does."""
        path = self.folder / "teacher.h5"
        dumps.create(path, network="teacher", **fill.layout(self.teacher, self.train, grid=GRID))
        fill.fill(path, [Part(np.ones(len(self.train), bool), self.teacher)], self.train)

    def forward(self) -> None:
        """The teacher's bare forward passes over the images of the dump, in the same batches, already on the device."""
        size, remaining = max(1, inference.PIXELS[self.device.type] // self.size**2), VIEWS * len(self.train)
        images = self.train.batch(np.arange(min(len(self.train), size))).images
        while remaining > 0:
            with torch.inference_mode():
                self.teacher(images[:remaining])
            remaining -= len(images)
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def epoch(case: Case, dump: str) -> None:
    """One epoch of a student, dev included, as in stages/train_student.py, from a dump or from the empty dump."""
    distil(
        new_student(case),
        dump=str(case.folder / dump),
        train=case.train,
        dev=case.dev,
        loss=lambda outputs, batch: student_loss(outputs, batch.labels, batch.teacher),
        title="student",
        lesson="cached_views",
        precision="auto",
        **TRAINING,
    )


def online(case: Case, *, plain: bool) -> None:
    """The usual loop with the teacher's forward pass in it: the same networks, batches, views, losses and dev.

    `plain` is the loop as one would write it with timm: float32 in torch's default layout. Otherwise it has our
    precision and layout.
    """
    layout = torch.contiguous_format if plain else torch.channels_last
    student, teacher = (network.to(memory_format=layout) for network in (new_student(case), case.teacher))
    optimizer = torch.optim.Adam(student.parameters(), TRAINING["lr"], weight_decay=TRAINING["weight_decay"])
    dtype = torch.float32 if plain else hardware.dtype("auto", case.device)
    for rows in shuffled(len(case.train), len(case.train) // BATCH, seed=0, epoch=0):
        batch = case.train.batch(rows)
        with torch.autocast(case.device.type, dtype, enabled=not plain):
            with torch.no_grad():
                of_teacher = teacher(batch.images)
            of_student = student(batch.images)
        student_outputs, teacher_outputs = (Outputs(o.logits.float(), o.features) for o in (of_student, of_teacher))
        loss, _ = student_loss(student_outputs, batch.labels, teacher_outputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inference.logits(student, case.dev)
    case.teacher.to(memory_format=torch.channels_last)


def student_loss(
    student: Outputs, labels: torch.Tensor, teacher: Outputs | None
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of stages/train_student.py."""
    parts = {"hard": mean_loss("bce", logits=student.logits, labels=labels)}
    if teacher is not None:
        parts["soft"] = soft_bce(student=student.logits, teacher=teacher.logits, temperature=20, softening="sigmoid")
        parts["feature"] = mean_over_levels(distance, student=student.features, teacher=teacher.features)
    return weighted_sum(parts, WEIGHTS), parts


def distance(**maps: torch.Tensor) -> torch.Tensor:
    """The distance of stages/train_student.py, with its own random directions for each level of each batch."""
    directions = losses.unit_directions(DIRECTIONS, GRID**2, device=maps["student"].device)
    return losses.sliced_wasserstein(**maps, directions=directions)


def new_student(case: Case) -> nn.Module:
    """A student with new random weights, in the layout of `weights.build`."""
    return Student(outputs=LABELS, grid=GRID, head=1).to(case.device, memory_format=torch.channels_last)


def make_data(path: Path, *, size: int, count: int, epoch: int | None = None, filled: bool = True) -> None:
    """Write a prepared file of `count` train images and 32 images each in dev and test.

    Unless `filled`, its images are black and take no space on the disk. `epoch` is its number of rows, by default all.
    """
    rng, columns = np.random.default_rng(0), {}
    for split, images in {"train": count, "dev": 32, "test": 32}.items():
        ids = np.char.add(f"{split}/patient00000/study1/view1_frontal_", np.arange(images).astype(str))
        labels = rng.integers(0, 2, (images, LABELS))
        columns[split] = {
            "labels": labels,
            "image_id": ids,
            "patient_id": ids,
            "group": ids,
            "source": ["chexpert"] * images,
            "sex": ["female"] * images,
            "age": np.full(images, 60),
            "view": ["AP"] * images,
        }
    names = [f"label {n}" for n in range(LABELS)]
    about = {"study": "bench", "names": names, "exclusive": False, "size": size, "columns": columns}
    prepared.create(path, **about, strata=(np.zeros(count), [epoch or count]), moments=(0.5, 0.25))
    for split in prepared.SPLITS if filled else ():
        images = len(columns[split]["labels"])
        prepared.fill(path, split, (rng.integers(0, 256, (1, size, size), np.uint8) for _ in range(images)))
