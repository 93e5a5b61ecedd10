"""The student: grey images in, `Outputs` out.

Shapes: B batch, H height and width, K labels, C channels, g grid.
"""

import torch
from torch import nn
from torch.nn import functional as F

from rayling.networks.feature_maps import Outputs, tap


class Student(nn.Module):
    """The paper's three blocks: 64 @ 5×5, 64 @ 3×3, 128 @ 3×3, then linear (section 3).

    The paper gives no strides, pooling or normalisation. Our choice: batch norm after every convolution, stride 2 in
    the first block, max pooling by 2 after the first and the second, average pooling before the linear layer.
    """

    def __init__(self, *, outputs: int, grid: int, head: int, standardise: bool = False) -> None:
        """`outputs` is K, `grid` is that of the feature maps; the linear layer sees averages over head × head cells.

        With `standardise` each image is first brought to mean 0 and deviation 1.
        """
        super().__init__()
        if head < 1:
            raise ValueError(f"a student with a head of {head} × {head} cells, expected 1 × 1 or more")
        self.grid, self.head, self.standardise = grid, head, standardise
        self.block1 = _block(1, 64, kernel=5, stride=2)
        self.block2 = nn.Sequential(nn.MaxPool2d(2), *_block(64, 64, kernel=3, stride=1))
        self.block3 = nn.Sequential(nn.MaxPool2d(2), *_block(64, 128, kernel=3, stride=1))
        self.linear = nn.Linear(128 * head * head, outputs)

    def forward(self, images: torch.Tensor) -> Outputs:
        """(B, 1, H, H) -> logits (B, K), the outputs of the three blocks on the grid (B, 64 | 64 | 128, g, g)."""
        features, first = tap(self.block1(self._input(images)), self.grid)
        features, second = tap(self.block2(features), self.grid)
        features, third = tap(self.block3(features), self.grid)
        return Outputs(self._classified(features), [first, second, third])

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, H) -> logits (B, K), without feature maps, which keep onnxruntime from computing in 8 bits."""
        return self._classified(self.block3(self.block2(self.block1(self._input(images)))))

    def _input(self, images: torch.Tensor) -> torch.Tensor:
        return standardised(images) if self.standardise else images

    def _classified(self, features: torch.Tensor) -> torch.Tensor:
        return self.linear(features.mean((2, 3)) if self.head == 1 else averages(features, self.head).flatten(1))


def standardised(images: torch.Tensor) -> torch.Tensor:
    """(B, 1, H, H) -> each image with mean 0 and deviation 1, or less where it is nearly uniform."""
    centred = images - images.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True).sqrt() + 0.1)  # in deviations of the train images


def averages(features: torch.Tensor, cells: int) -> torch.Tensor:
    """(B, C, h, h) -> its averages over cells × cells parts, as torch's adaptive pooling, (B, C, cells, cells).

    Where the cells do not divide h, by a matrix on both sides: torch cannot export its own pooling to ONNX there.
    """
    side = int(features.shape[2])
    if side % cells == 0:
        return F.adaptive_avg_pool2d(features, cells)
    bounds = [(cell * side // cells, -(-(cell + 1) * side // cells)) for cell in range(cells)]
    shares = [[(first <= place < last) / (last - first) for place in range(side)] for first, last in bounds]
    matrix = torch.tensor(shares, dtype=features.dtype, device=features.device)
    return matrix @ features @ matrix.T


def _block(inputs: int, channels: int, *, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, channels, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
