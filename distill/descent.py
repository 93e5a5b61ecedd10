"""Steps of a network down a loss, by Adam (paper, section 4)."""

import math
from collections.abc import Callable

import torch
from torch import nn

from distill import processes, runtime
from distill.batches import Batch

Loss = Callable[..., tuple[torch.Tensor, dict[str, torch.Tensor]]]


class Descent:
    """One network on its way: `step(batch)` after `step(batch)`."""

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
    ) -> None:
        """`schedule` is `constant` or a `cosine` from `lr` to zero over `steps`; `precision` is as for `runtime.dtype`;
        `channels_last` is the layout of images and weights in memory; `compile` is by torch.compile."""
        network.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        self.forward, self.loss, self.device = processes.in_step(network), loss, device
        self.forward = torch.compile(self.forward) if compile else self.forward
        self.dtype = runtime.dtype(precision, device)
        self.optimizer = torch.optim.Adam(network.parameters(), lr, weight_decay=weight_decay, fused=True)
        share = cosine(steps) if schedule == "cosine" else lambda _: 1.0
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Take one step; return the loss and its parts before it, scalars by name, on the device.

        The network is computed in the precision asked for, the loss in float32.
        """
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, features = self.forward(batch.images)
        total, parts = self.loss((logits.float(), features), batch)
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        self.scheduler.step()
        return {name: part.detach() for name, part in {"loss": total, **parts}.items()}

    def state_dict(self) -> dict:
        """What Adam and the schedule remember."""
        return {"optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on from there."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])


def cosine(steps: int) -> Callable[[int], float]:
    """The share of the learning rate at each step: from one to zero along half a cosine."""
    return lambda step: (1 + math.cos(math.pi * step / steps)) / 2
