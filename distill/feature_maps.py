"""Feature maps on a grid, so that networks of different shape can be compared.

Shapes: B batch, C channels, h and w of the features in cells, g grid.
"""

import torch
from torch.nn import functional as F


def to_grid(features: torch.Tensor, grid: int) -> torch.Tensor:
    """Average-pool (B, C, h, w) to (B, C, g, g), scaled to a root mean square of one for each image.

    The scale of a feature map is an accident of the weights, which batch norm leaves free: comparing it would
    teach nothing, and float16 could not always hold it. The scale, and what comes back, is float32.
    """
    return _scaled(F.adaptive_avg_pool2d(features, grid))


def tap(features: torch.Tensor, grid: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The features (B, C, h, w) for the layers that go on from them, and `to_grid` of them.

    What both send back meets in one pass where h and w are multiples of g. As two passes and a sum, which is what
    torch makes of it, an epoch of a student that is taught took 1.20 of one that is not at 224 px, so 1.14 (LOG.md).
    """
    if features.shape[2] % grid or features.shape[3] % grid:
        return features, to_grid(features, grid)
    features, pooled = _Tap.apply(features, grid)
    return features, _scaled(pooled)


def _scaled(pooled: torch.Tensor) -> torch.Tensor:
    pooled = pooled.float()  # the mean of bfloat16 features is rounded to it too
    return pooled * (pooled.square().mean((1, 2, 3), keepdim=True) + 1e-12).rsqrt()


class _Tap(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, grid):
        ctx.set_materialize_grads(False)  # where nobody learns from the map, nothing is added
        ctx.shape = features.shape
        return features.view_as(features), F.adaptive_avg_pool2d(features, grid)

    @staticmethod
    def backward(ctx, of_features, of_pooled):
        if of_pooled is None:
            return of_features, None
        of_features = of_pooled.new_zeros(ctx.shape) if of_features is None else of_features
        grid, (height, width) = of_pooled.shape[-1], (side // of_pooled.shape[-1] for side in ctx.shape[2:])
        each = (of_pooled / (height * width))[:, :, :, None, :, None]
        cells = of_features.unflatten(3, (grid, width)).unflatten(2, (grid, height))  # (B, C, g, h/g, g, w/g)
        return (cells + each).flatten(4, 5).flatten(2, 3), None
