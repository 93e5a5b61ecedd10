"""The networks: grey images in, `Outputs` out. No hooks: timm gives logits and features in one forward.

Shapes: B batch, H height and width, K labels, C channels, g grid.
"""

import difflib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from rayling.common.errors import BadInput
from rayling.networks.feature_maps import Outputs, tap, to_grid

LOCAL_WEIGHTS = Path("data/weights")


class Backbone(nn.Module):
    """Any timm backbone with feature maps, for grey images."""

    def __init__(self, name: str, *, outputs: int, levels: Sequence[int], grid: int, pretrained: bool = False) -> None:
        """`name` is timm's, `outputs` is K, `levels` are the stages of the backbone whose feature maps are returned.

        Raises BadInput if timm does not know the backbone, if it lacks a level, or if pretrained weights are missing.
        """
        super().__init__()
        self.network = _timm(name, outputs=outputs, pretrained=pretrained)
        self.levels, self.grid = list(levels), grid
        stages = len(getattr(self.network, "feature_info", ()))
        if levels and (not hasattr(self.network, "forward_intermediates") or stages <= max(levels)):
            raise BadInput(f"backbone {name}: has {stages} levels of feature maps, expected levels {self.levels}")

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), a feature map (B, C, g, g) for each level."""
        if not self.levels:
            return Outputs(self.network(images), [])
        final, features = self.network.forward_intermediates(images, indices=self.levels)
        return Outputs(self.network.forward_head(final), [to_grid(level, self.grid) for level in features])


class Ensemble(nn.Module):
    """Several backbones as one network: the mean of their logits, their feature maps' channels concatenated."""

    def __init__(self, members: Sequence[Backbone]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), a feature map (B, sum of C, g, g) for each level."""
        logits, features = zip(*(member(images) for member in self.members), strict=True)
        levels = zip(*features, strict=True)
        return Outputs(torch.stack(logits).mean(0), [torch.cat(level, 1) for level in levels])


def try_out(name: str, *, levels: Sequence[int], grid: int, size: int) -> None:
    """Raise BadInput unless timm has the backbone, with these levels, for images of `size` × `size` pixels.

    Takes one forward pass on torch's meta device, which computes shapes only.
    """
    with torch.device("meta"):
        network = Backbone(name, outputs=1, levels=levels, grid=grid).eval()
        try:
            network(torch.zeros(1, 1, size, size))
        except (AssertionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise BadInput(f"backbone {name}: takes no images of {size} × {size} pixels: {reason}") from None


def pretrained_digest(name: str) -> str | None:
    """SHA-256 of the backbone's file in data/weights; None if it has none and its weights come from timm's hub."""
    file = LOCAL_WEIGHTS / f"{name}.safetensors"
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None


def _timm(name: str, *, outputs: int, pretrained: bool) -> nn.Module:
    """A timm network. Pretrained weights come from data/weights/<name>.safetensors if it exists, else from the hub."""
    import timm  # takes two seconds, and the student's stages do not need it

    if not timm.is_model(name):
        nearest = difflib.get_close_matches(name, timm.list_models(), n=1)
        raise BadInput(f"backbone {name!r}: unknown to timm" + (f", did you mean {nearest[0]}?" if nearest else ""))
    file = LOCAL_WEIGHTS / f"{name}.safetensors"
    local = {"file": str(file)} if file.exists() else None
    try:
        return timm.create_model(
            name, pretrained=pretrained, pretrained_cfg_overlay=local, num_classes=outputs, in_chans=1
        )
    except Exception as error:  # the hub's client raises whatever its transport raises
        if not pretrained:
            raise
        what = f"{file} does not fit" if local else "no pretrained weights from the hub"
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"backbone {name}: {what} ({reason}); put them at {file}, or set pretrained: false") from None


class Student(nn.Module):
    """The paper's three blocks: 64 @ 5×5, 64 @ 3×3, 128 @ 3×3, then linear (section 3).

    The paper gives no strides, pooling or normalisation. Our choice: batch norm after every convolution, stride 2 in
    the first block, max pooling by 2 after the first and the second, global average pooling before the linear layer.
    """

    def __init__(self, *, outputs: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.block1 = _block(1, 64, kernel=5, stride=2)
        self.block2 = nn.Sequential(nn.MaxPool2d(2), *_block(64, 64, kernel=3, stride=1))
        self.block3 = nn.Sequential(nn.MaxPool2d(2), *_block(64, 128, kernel=3, stride=1))
        self.linear = nn.Linear(128, outputs)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), the outputs of the three blocks on the grid (B, 64 | 64 | 128, g, g)."""
        features, first = tap(self.block1(images), self.grid)
        features, second = tap(self.block2(features), self.grid)
        features, third = tap(self.block3(features), self.grid)
        return Outputs(self.linear(features.mean((2, 3))), [first, second, third])


def _block(inputs: int, channels: int, *, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
