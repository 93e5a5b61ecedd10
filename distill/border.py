"""A control that sees only the border of an image: what it can tell, it tells without the heart and the lungs.

Maguolo and Nanni 2021 (arXiv 2004.12823) told COVID-19 from films whose middle was black: the sets came from other
hospitals. The network is blindfolded rather than the data, so that it is trained and run as every other one.
"""

import torch
from torch import nn

# Of the width, on each side: enough for letters, collimation, padding and the outline of the body, which is what gives
# a source away. Of the phantom's lungs 3 % lie in it; 13 % at 0.15, where a control could see the finding itself.
BORDER = 0.1


def width(size: int) -> int:
    """How many pixels the border of an image of `size` × `size` pixels is wide, one at least."""
    return max(1, round(BORDER * size))


def border_only(images: torch.Tensor) -> torch.Tensor:
    """Normalised images (B, 1, H, H) -> new ones of which only the border is left; the middle is 0, train's mean."""
    edge, blanked = width(images.shape[-1]), images.clone()
    blanked[..., edge:-edge, edge:-edge] = 0
    return blanked


class BorderOnly(nn.Module):
    """A network that is shown the border alone, in training (of a view, so a little of what lies inside) and after."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """(B, 1, H, H) -> what the network gives for the border of the images."""
        return self.network(border_only(images))
