"""The student has the layers of the paper, and its size is what the formula gives."""

import torch
from torch import nn

from rayling.networks.architectures import Student
from stages.evaluate import cost
from tests.toy import images, rms, run

GRID = 3


def test_the_student_has_the_layers_of_the_paper_and_no_other():
    layers = [layer for layer in Student(outputs=14, grid=4).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    convolutions = [(layer.out_channels, layer.kernel_size) for layer in layers[:-1]]
    assert convolutions == [(64, (5, 5)), (64, (3, 3)), (128, (3, 3))]
    assert (layers[-1].in_features, layers[-1].out_features) == (128, 14)


def test_the_student_returns_its_three_blocks_on_the_grid():
    logits, levels = run(Student(outputs=14, grid=GRID).eval(), images())
    assert logits.shape == (2, 14)
    assert [level.shape for level in levels] == [(2, channels, GRID, GRID) for channels in (64, 64, 128)]
    for level in levels:
        assert torch.allclose(rms(level), torch.ones(2), atol=1e-4)


def test_the_student_takes_images_of_any_size_and_treats_each_by_itself():
    student = Student(outputs=3, grid=GRID).eval()
    for size in (16, 50, 64):
        batch = images(4, size)
        together = run(student, batch).logits
        alone = torch.cat([run(student, image[None]).logits for image in batch])
        assert torch.allclose(together, alone, atol=1e-5)


def test_the_cost_of_the_student_is_what_the_formula_gives():
    labels = 14
    kernels = [1 * 64 * 25, 64 * 64 * 9, 64 * 128 * 9]
    norms = 2 * (64 + 64 + 128)
    found = cost(Student(outputs=labels, grid=4).eval(), 64)
    assert found["parameters"] == sum(kernels) + norms + 128 * labels + labels
    assert found["parameters"] < 120_000
    assert found["macs"] == 32**2 * kernels[0] + 16**2 * kernels[1] + 8**2 * kernels[2] + 128 * labels


def test_four_times_the_pixels_cost_four_times_the_convolutions():
    student = Student(outputs=1, grid=4).eval()
    small, large = (cost(student, size)["macs"] - 128 for size in (32, 64))
    assert large == 4 * small
