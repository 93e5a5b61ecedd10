"""How long the networks of the default study take by themselves, without data, views, losses, optimiser or disk."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from distill import inference, params, prepared, runtime
from distill.models import Backbone, Student

PREPARED = Path(__file__).parents[2] / "data/prepared.h5"


def seconds(name: str) -> float:
    """Of the forward and backward passes over all batches that a network is trained on, of its forward passes over dev
    after every epoch, and over every view that is dumped of it: no more."""
    p = params.read("teacher", "assistant", "student", "cached_views", "features", "compute")
    train, dev = (prepared.read(PREPARED, split) for split in ("train", "dev"))
    settings = {"teacher": p.teacher, "assistant": p.assistant}.get(name, p.student)
    backbones = {"teacher": p.teacher.backbones, "assistant": [p.assistant.backbone]}.get(name, [None])
    steps = settings.epochs * (len(train.rows) // settings.batch_size)
    seen = settings.epochs * len(dev.labels) + (p.cached_views * len(train.labels) if backbones[0] else 0)
    shape = {"outputs": len(train.names), "size": train.size, **p.features.model_dump()}
    shape |= {"levels": []} if name == "teacher" else {}  # which nobody compares with another's
    total = 0.0
    for backbone in backbones:
        step, look, batch = passes(backbone, batch_size=settings.batch_size, precision=p.compute.precision, **shape)
        total += steps * time_of(step) + seen / batch * time_of(look)
    return total


def passes(
    backbone: str | None, *, outputs: int, levels: list[int], grid: int, size: int, batch_size: int, precision: str
) -> tuple[Callable[[], None], Callable[[], None], int]:
    """A step of training, a step of inference as `inference` has it, and how many images the latter takes.

    Without a `backbone` of the student.
    """
    device = runtime.start(0)
    shape = {"outputs": outputs, "grid": grid}
    network = Backbone(backbone, levels=levels, **shape) if backbone else Student(**shape)
    network = network.to(device, memory_format=torch.channels_last)
    batch = max(1, inference.PIXELS[device.type] // size**2)
    images = torch.randn(max(batch, batch_size), 1, size, size, device=device)
    training = partial(_there_and_back, network, images[:batch_size], runtime.dtype(precision, device))
    return training, partial(_there, network, images[:batch]), batch


def _there_and_back(network: nn.Module, images: torch.Tensor, dtype: torch.dtype) -> None:
    network.train()
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        logits, _ = network(images)
    logits.float().sum().backward()
    network.zero_grad()


def _there(network: nn.Module, images: torch.Tensor) -> None:
    network.eval()
    with torch.inference_mode():
        network(images)


def time_of(work: Callable[[], None], *, steps: int = 30) -> float:
    """Seconds of one of many."""
    for _ in range(max(1, steps // 6)):
        work()  # the first ones choose their algorithms
    _settle()
    start = time.perf_counter()
    for _ in range(steps):
        work()
    _settle()
    return (time.perf_counter() - start) / steps


def _settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
