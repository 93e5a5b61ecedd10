"""Feature maps on a grid: what is compared, and what learning from it sends back."""

import pytest
import torch
from torch.nn import functional as F

from distill.feature_maps import tap, to_grid


def rms(features):
    return features.square().mean((1, 2, 3)).sqrt()


def test_a_grid_cell_is_the_mean_of_its_pixels_whatever_the_scale_of_the_map():
    features = torch.randn(2, 5, 6, 6)
    pooled = features.reshape(2, 5, 3, 2, 3, 2).mean((3, 5))
    expected = pooled / rms(pooled)[:, None, None, None]
    assert torch.allclose(to_grid(features, 3), expected, atol=1e-5)
    assert torch.allclose(to_grid(1000 * features, 3), expected, atol=1e-5)
    assert (to_grid(torch.zeros(2, 5, 6, 6), 3) == 0).all()


def plain(features, grid):
    return features, to_grid(features, grid)


def gradient(fork, features, grid, *, onward, learnt):
    """Of a loss in which the features go on and the map is compared, by how much of each is asked."""
    features = features.clone().requires_grad_()
    further, pooled = fork(features * 1, grid)
    target = torch.linspace(0, 1, pooled.numel()).reshape(pooled.shape)
    loss = onward * F.max_pool2d(further, 2).sin().sum() + learnt * (pooled - target).abs().sum()
    return further, pooled, torch.autograd.grad(loss, features)[0]


@pytest.mark.parametrize(("size", "grid"), [((8, 8), 4), ((12, 8), 4), ((7, 7), 3), ((6, 6), 4), ((4, 4), 4)])
@pytest.mark.parametrize(
    "weights", [{"onward": 1, "learnt": 1}, {"onward": 1, "learnt": 0}, {"onward": 0, "learnt": 2}]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_tap_gives_and_sends_back_what_pooling_beside_the_features_does(size, grid, weights, layout):
    features = torch.randn(3, 5, *size, generator=torch.manual_seed(0)).to(memory_format=layout)
    found, expected = (gradient(fork, features, grid, **weights) for fork in (tap, plain))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("used", [0, 1])
def test_of_a_tap_either_output_may_be_left_alone(used):
    features = torch.randn(2, 3, 8, 8, generator=torch.manual_seed(0), requires_grad=True)
    found, expected = (torch.autograd.grad(fork(features, 4)[used].cos().sum(), features) for fork in (tap, plain))
    assert torch.allclose(found[0], expected[0], atol=1e-6)
