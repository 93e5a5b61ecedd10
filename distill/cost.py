"""What a network costs its user."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def cost(network: nn.Module, size: int) -> dict[str, int]:
    """Trainable `parameters`, and `macs`: multiply-adds for one image of `size` × `size` pixels.

    torch counts convolutions and matrix products, two operations a multiply-add.
    """
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, size, size, device=device))
    return {
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "macs": counter.get_total_flops() // 2,
    }
