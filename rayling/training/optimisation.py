"""One training step: forward, loss, check that the loss is finite, Adam (paper, section 4)."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks.architectures import Backbone
from rayling.networks.feature_maps import Outputs
from rayling.runtime import distributed, hardware
from rayling.runtime.loader import Batch

Loss = Callable[[Outputs, Batch], tuple[torch.Tensor, dict[str, torch.Tensor]]]

STEPS_BEHIND = {"cpu": 0, "cuda": 16}  # a GPU would wait for the CPU if every loss were read at once


class Optimisation:
    """A network, its loss, its optimiser and its learning rate: `step(batch)` after `step(batch)`."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        *,
        device: torch.device,
        steps: int,
        lr: float,
        weight_decay: float,
        schedule: str,
        precision: str = "float32",
        channels_last: bool = True,
        compile: bool = False,
        backbone_lr: float = 1.0,
        warmup: float = 0.0,
        frozen_batch_norm: bool = False,
    ) -> None:
        """`schedule` is `constant` or a `cosine` from `lr` to zero over `steps`, after a linear rise over the share
        `warmup` of them; `precision` is that of `hardware.dtype`; `channels_last` is the memory layout of images and
        weights; `compile` is torch.compile. `backbone_lr` is the learning rate of all but a backbone's last layer, as a
        share of `lr`. With `frozen_batch_norm` batch norm keeps its means and variances."""
        network.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        self.forward, self.loss, self.device = distributed.data_parallel(network), loss, device
        self.forward = torch.compile(self.forward) if compile else self.forward
        self.dtype = hardware.dtype(precision, device)
        self.network, self.frozen_batch_norm = network, frozen_batch_norm
        groups = network.parameters() if backbone_lr == 1 else parameter_groups(network, lr, backbone_lr)
        self.optimizer = torch.optim.Adam(groups, lr, weight_decay=weight_decay, fused=True)
        factor = warmed_up(cosine(steps) if schedule == "cosine" else lambda _: 1.0, steps=warmup * steps)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)

    def train_mode(self) -> None:
        """Put the network into training mode, but for a batch norm that is frozen."""
        self.network.train()
        for module in self.network.modules() if self.frozen_batch_norm else ():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Take one step. Returns the loss and its parts before the step: scalars by name, on the device.

        The network runs in the precision that was asked for, the loss in float32.
        """
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, features = self.forward(batch.images)
        total, parts = self.loss(Outputs(logits.float(), features), batch)
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        self.scheduler.step()
        return {name: part.detach() for name, part in {"loss": total, **parts}.items()}

    def state_dict(self) -> dict:
        """The state of Adam and of the schedule."""
        return {"optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Continue from what `state_dict` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])


def cosine(steps: int) -> Callable[[int], float]:
    """The factor of the learning rate at each step: from one to zero along half a cosine."""
    return lambda step: (1 + math.cos(math.pi * step / steps)) / 2


def warmed_up(factor: Callable[[int], float], *, steps: float) -> Callable[[int], float]:
    """The `factor` of the learning rate after a linear rise from near zero over the first `steps`."""
    return lambda step: factor(step) * min(1.0, (step + 1) / max(1.0, steps))


def parameter_groups(network: nn.Module, lr: float, share: float) -> list[dict]:
    """The parameters of the backbones' last layers with the learning rate `lr`, all others with a `share` of it."""
    backbones = [module for module in network.modules() if isinstance(module, Backbone)]
    last = [weight for backbone in backbones for weight in backbone.classifier.parameters()]
    others = [weight for weight in network.parameters() if all(weight is not one for one in last)]
    return [{"params": last, "lr": lr}, {"params": others, "lr": share * lr}]


class FiniteCheck:
    """Stops the training when a loss is NaN or infinite, and names the images of the batch."""

    def __init__(self, image_id: np.ndarray, *, title: str, device: torch.device) -> None:
        """`image_id` (N,) are the names of the train images."""
        self.image_id, self.title, self.behind, self.pending = image_id, title, STEPS_BEHIND[device.type], []

    def add(self, *, epoch: int, batch: int, rows: np.ndarray, parts: dict[str, torch.Tensor]) -> None:
        """Take the loss's `parts` (scalars by name) of a step on the images `rows` (B,); perhaps `check` all.

        Raises BadInput as `check` does.
        """
        self.pending.append((epoch, batch, rows, parts))
        if len(self.pending) > self.behind:
            self.check()

    def check(self) -> None:
        """Check all pending steps. Raises BadInput for a part that is not finite: epoch, batch, part and images."""
        pending, self.pending = self.pending, []
        if not pending:
            return
        values = torch.stack([part for *_, parts in pending for part in parts.values()]).tolist()  # one transfer
        for epoch, batch, rows, parts in pending:
            found = dict(zip(parts, values, strict=False))
            del values[: len(parts)]
            wrong = [f"{name} {value}" for name, value in found.items() if not math.isfinite(value)]
            if wrong:
                where = f"{self.title}: epoch {epoch}, batch {batch}: found a loss of {', '.join(wrong)}"
                images = ", ".join(self.image_id[rows].tolist())
                raise BadInput(f"{where}, expected numbers: lower lr? The batch's images: {images}")
