"""The student has the layers of the paper, and its size is what the formula gives."""

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rayling.networks.student import Student, averages, standardised
from stages.evaluate import cost
from tests.toy import images, rms, run

GRID = 3


def test_the_student_has_the_layers_of_the_paper_and_no_other():
    layers = [
        layer for layer in Student(outputs=14, grid=4, head=1).modules() if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    convolutions = [(layer.out_channels, layer.kernel_size) for layer in layers[:-1]]
    assert convolutions == [(64, (5, 5)), (64, (3, 3)), (128, (3, 3))]
    assert (layers[-1].in_features, layers[-1].out_features) == (128, 14)


def test_the_student_returns_its_three_blocks_on_the_grid():
    logits, levels = run(Student(outputs=14, grid=GRID, head=1).eval(), images())
    assert logits.shape == (2, 14)
    assert [level.shape for level in levels] == [(2, channels, GRID, GRID) for channels in (64, 64, 128)]
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


@pytest.mark.parametrize("head", [1, 2, 4])
def test_the_linear_layer_sees_the_averages_over_the_cells_of_the_head(head):
    student = Student(outputs=3, grid=GRID, head=head).eval()
    with torch.inference_mode():
        third = student.block3(student.block2(student.block1(images())))  # 8 × 8 for 64 px
        side = 8 // head
        cells = third.reshape(2, 128, head, side, head, side).mean((3, 5))
        expected = student.linear(cells.reshape(2, -1))
        assert torch.allclose(student(images()).logits, expected, atol=1e-5)
        assert torch.equal(student.logits(images()), student(images()).logits)


@pytest.mark.parametrize(("side", "cells"), [(8, 4), (9, 4), (7, 3), (5, 4), (3, 5), (1, 2)])
def test_averages_and_their_gradients_are_those_of_adaptive_pooling(side, cells):
    features = torch.randn(2, 5, side, side, generator=torch.manual_seed(0), requires_grad=True)
    found, expected = averages(features, cells), F.adaptive_avg_pool2d(features, cells)
    assert torch.allclose(found, expected, atol=1e-6)
    gradients = [torch.autograd.grad(pooled.sin().sum(), features)[0] for pooled in (found, expected)]
    assert torch.allclose(*gradients, atol=1e-6)


@pytest.mark.parametrize(
    ("head", "size"), [(1, 64), (4, 32), (4, 64), (4, 96), (4, 100), (4, 128), (4, 224), (3, 64), (8, 32), (5, 512)]
)
def test_the_student_is_the_same_in_onnx_also_where_the_cells_do_not_divide_its_map(head, size):
    student = Student(outputs=3, grid=1, head=head).eval()
    student.forward = student.logits
    file, batch = io.BytesIO(), images(3, size)
    about = {"input_names": ["images"], "dynamic_axes": {"images": {0: "n"}}, "opset_version": 18, "dynamo": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as rayling/export does
        torch.onnx.export(student, (images(2, size),), file, **about)
    (found,) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"images": batch.numpy()})
    np.testing.assert_allclose(found, student.logits(batch).detach(), atol=1e-5)


def test_the_student_takes_images_of_any_size_and_treats_each_by_itself():
    student = Student(outputs=3, grid=GRID, head=3).eval()
    for size in (16, 50, 64):
        batch = images(4, size)
        together = run(student, batch).logits
        alone = torch.cat([run(student, image[None]).logits for image in batch])
        assert torch.allclose(together, alone, atol=1e-5)


def test_the_cost_of_the_student_is_what_the_formula_gives():
    labels = 14
    kernels = [1 * 64 * 25, 64 * 64 * 9, 64 * 128 * 9]
    norms = 2 * (64 + 64 + 128)
    found = cost(Student(outputs=labels, grid=4, head=1).eval(), 64)
    assert found["parameters"] == sum(kernels) + norms + 128 * labels + labels
    assert found["parameters"] < 120_000
    assert found["macs"] == 32**2 * kernels[0] + 16**2 * kernels[1] + 8**2 * kernels[2] + 128 * labels


def test_a_head_of_4_by_4_cells_costs_15_more_weights_for_each_channel_and_label():
    small, large = (cost(Student(outputs=3, grid=4, head=head).eval(), 64) for head in (1, 4))
    assert large["parameters"] - small["parameters"] == 15 * 128 * 3
    assert large["parameters"] < 150_000


def test_four_times_the_pixels_cost_four_times_the_convolutions():
    student = Student(outputs=1, grid=4, head=1).eval()
    small, large = (cost(student, size)["macs"] - 128 for size in (32, 64))
    assert large == 4 * small


def test_a_standardising_student_does_not_see_exposure_and_contrast():
    torch.manual_seed(0)
    network = Student(outputs=3, grid=2, head=2, standardise=True).eval()
    brighter = 1.7 * images() + 0.6
    found, expected = run(network, brighter), run(network, images())
    assert torch.allclose(found.logits, expected.logits, atol=0.05 * expected.logits.abs().max())
    network.standardise = False
    assert not torch.allclose(run(network, brighter).logits, run(network, images()).logits, atol=1e-2)


def test_a_uniform_image_is_standardised_to_zeros():
    assert torch.equal(standardised(torch.full((2, 1, 8, 8), 3.0)), torch.zeros(2, 1, 8, 8))
