"""Images with something in common, and networks that were exported after a little training on them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from torch import nn

from rayling.export import onnx_export, onnx_file
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from tests.export.small_networks import CALIBRATION, ENSEMBLE, FACTS, SIZE, build, train


class Exported(NamedTuple):
    """A trained network with all that was exported with it, and the file."""

    network: nn.Module
    header: weights.Header
    out_of_distribution: OutOfDistribution
    path: Path


@pytest.fixture(scope="session")
def images():
    """Images (300, 32, 32) with a common shape, and two labels: is the left half bright, is the top half."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (300, 2)).astype(np.float32)
    shape = 90 + 50 * np.sin(np.linspace(0, 3, SIZE))[:, None] * np.ones(SIZE)
    pixels = shape + rng.normal(0, 8, (300, SIZE, SIZE)) + rng.normal(0, 5, (300, 1, 1))
    pixels[:, :, :16] += 40 * labels[:, 0, None, None]
    pixels[:, :16] += 40 * labels[:, 1, None, None]
    return pixels.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session", params=[[], ENSEMBLE], ids=["student", "ensemble"])
def exported(request, images, tmp_path_factory):
    """The student's network, and an ensemble, after some steps of training."""
    pixels, labels = images
    network, header = build(request.param)
    train(network, pixels[:64], labels[:64])
    out_of_distribution = OutOfDistribution(SIZE).fit(pixels[:200], pixels[200:])
    path = tmp_path_factory.mktemp("export") / "student.onnx"
    model = onnx_export.ExportedNetwork(network, header, CALIBRATION, out_of_distribution)
    onnx_file.save(path, onnx_export.to_onnx(model, size=SIZE), vars(header) | FACTS)
    return Exported(network, header, out_of_distribution, path)
