"""How long the networks of the default study take alone: without data, views, losses, optimiser and disk."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from rayling.config import params
from rayling.networks.architectures import Backbone
from rayling.networks.student import Student
from rayling.runtime import hardware, inference
from rayling.storage import prepared

PREPARED = Path(__file__).parents[2] / "data/prepared.h5"


def seconds(name: str) -> float:
    """The seconds of a network's bare passes in the whole study; `name` is teacher, assistant, student or border.

    These are the forward and backward passes over all training batches, the forward passes over dev after every epoch,
    and those over every view that is dumped.
    """
    p = params.read("teacher", "assistant", "student", "cached_views", "features", "compute")
    train, dev = (prepared.read(PREPARED, split) for split in ("train", "dev"))
    settings = {"teacher": p.teacher, "assistant": p.assistant}.get(name, p.student)
    backbones = {"teacher": p.teacher.backbones, "assistant": [p.assistant.backbone]}.get(name, [None])
    steps = settings.epochs * (int(train.wanted.sum()) // settings.batch_size)
    images = settings.epochs * len(dev.labels) + (p.cached_views * len(train.labels) if backbones[0] else 0)
    shape = {"outputs": len(train.names), "size": train.size, **p.features.model_dump()}
    shape |= {"levels": []} if name == "teacher" else {}  # the teacher trains without feature maps
    total = 0.0
    for backbone in backbones:
        train_step, infer, batch = passes(
            backbone, batch_size=settings.batch_size, precision=p.compute.precision, **shape
        )
        total += steps * time_of(train_step) + images / batch * time_of(infer)
    return total


def passes(
    backbone: str | None, *, outputs: int, levels: list[int], grid: int, size: int, batch_size: int, precision: str
) -> tuple[Callable[[], None], Callable[[], None], int]:
    """A training step, an inference step as in `runtime/inference.py`, and the number of images of the latter.

    They are those of `backbone`, or of the student without one.
    """
    device = hardware.start(0)
    shape = {"outputs": outputs, "grid": grid}
    network = Backbone(backbone, levels=levels, **shape) if backbone else Student(**shape, head=1)
    network = network.to(device, memory_format=torch.channels_last)
    batch = max(1, inference.PIXELS[device.type] // size**2)
    images = torch.randn(max(batch, batch_size), 1, size, size, device=device)
    training = partial(_train, network, images[:batch_size], hardware.dtype(precision, device))
    return training, partial(_infer, network, images[:batch]), batch


def _train(network: nn.Module, images: torch.Tensor, dtype: torch.dtype) -> None:
    network.train()
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        logits = network(images).logits
    logits.float().sum().backward()
    network.zero_grad()


def _infer(network: nn.Module, images: torch.Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network(images)


def time_of(work: Callable[[], None], *, steps: int = 30) -> float:
    """The mean seconds of one call, over `steps` calls."""
    for _ in range(max(1, steps // 6)):
        work()  # the first calls choose their algorithms
    _wait_for_gpu()
    start = time.perf_counter()
    for _ in range(steps):
        work()
    _wait_for_gpu()
    return (time.perf_counter() - start) / steps


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
