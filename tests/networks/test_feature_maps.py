"""Feature maps on a grid: their values and their gradients."""

import pytest
import torch
from torch.nn import functional as F

from rayling.networks.feature_maps import tap, to_grid
from tests.toy import rms


def test_a_grid_cell_is_the_mean_of_its_pixels_whatever_the_scale_of_the_map():
    features = torch.randn(2, 5, 6, 6)
    pooled = features.reshape(2, 5, 3, 2, 3, 2).mean((3, 5))
    expected = pooled / rms(pooled)[:, None, None, None]
    assert torch.allclose(to_grid(features, 3), expected, atol=1e-5)
    assert torch.allclose(to_grid(1000 * features, 3), expected, atol=1e-5)
    assert (to_grid(torch.zeros(2, 5, 6, 6), 3) == 0).all()


def plain(features, grid):
    return features, to_grid(features, grid)


def gradient(function, features, grid, *, onward, pooled):
    """Both outputs of `tap` or `plain`, and the gradient of a loss in which they have these weights."""
    features = features.clone().requires_grad_()
    further, maps = function(features * 1, grid)
    target = torch.linspace(0, 1, maps.numel()).reshape(maps.shape)
    loss = onward * F.max_pool2d(further, 2).sin().sum() + pooled * (maps - target).abs().sum()
    return further, maps, torch.autograd.grad(loss, features)[0]


@pytest.mark.parametrize(("size", "grid"), [((8, 8), 4), ((12, 8), 4), ((7, 7), 3), ((6, 6), 4), ((4, 4), 4)])
@pytest.mark.parametrize(
    "weights", [{"onward": 1, "pooled": 1}, {"onward": 1, "pooled": 0}, {"onward": 0, "pooled": 2}]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_tap_has_the_outputs_and_gradients_of_torchs_own_pooling(size, grid, weights, layout):
    features = torch.randn(3, 5, *size, generator=torch.manual_seed(0)).to(memory_format=layout)
    found, expected = (gradient(function, features, grid, **weights) for function in (tap, plain))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("used", [0, 1])
def test_either_output_of_a_tap_may_be_unused(used):
    features = torch.randn(2, 3, 8, 8, generator=torch.manual_seed(0), requires_grad=True)
    losses = [function(features, 4)[used].cos().sum() for function in (tap, plain)]
    found, expected = (torch.autograd.grad(loss, features) for loss in losses)
    assert torch.allclose(found[0], expected[0], atol=1e-6)
