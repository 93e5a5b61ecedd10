"""Small networks for the tests of the exported files."""

import numpy as np
import torch

from rayling.evaluation.results import Calibration
from rayling.networks import weights

SIZE = 32
LABELS = ["left", "top"]
CALIBRATION = Calibration(LABELS, np.array([[1.5, -0.3], [0.7, 0.2]]), np.array([0.4, 0.6]))
ENSEMBLE = ["resnet10t", "mobilenetv3_small_050"]


def build(backbones, size=SIZE):
    """An untrained network in inference mode, and its header."""
    torch.manual_seed(0)
    header = weights.Header("student", backbones, LABELS, size, 0.5, 0.2, study="tiny")
    return weights.build(header).eval(), header


def normalised(pixels):
    """Pixels (N, H, H) uint8 as a network takes them: (N, 1, H, H)."""
    return ((torch.from_numpy(pixels).float() / 255 - 0.5) / 0.2)[:, None]
