"""Small networks for the tests of the exported files."""

import numpy as np
import torch
from torch import nn

from rayling.evaluation.results import Calibration
from rayling.export.notice import NOTICE
from rayling.networks import weights

SIZE = 32
LABELS = ["left", "top"]
CALIBRATION = Calibration(LABELS, np.array([[1.5, -0.3], [0.7, 0.2]]), np.array([0.4, 0.6]))
ENSEMBLE = ["resnet10t", "mobilenetv3_small_050"]
POINTS = {"f1=max": {"left": 0.4, "top": 0.6}, "sensitivity=0.95": {"left": 0.1, "top": 0.3}}
FACTS = {"keep_aspect": False, "threshold": POINTS["f1=max"], "notice": NOTICE}
FACTS |= {"operating_point": "f1=max", "operating_points": POINTS}


def build(backbones=(), size=SIZE, *, labels=LABELS, exclusive=False, head=1):
    """An untrained network in inference mode, the student unless there are backbones, and its header."""
    torch.manual_seed(0)
    about = {"study": "tiny", "exclusive": exclusive, "pretrained": False, "head": 0 if backbones else head}
    about |= {"frozen": [False] * len(backbones), "standardise": False}
    header = weights.Header("student", list(backbones), labels, size, 0.5, 0.2, **about)
    return weights.build(header).eval(), header


def train(network, pixels, labels):
    """Some steps of training on pixels (N, H, H) and labels (N, K)."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(30):
        logits = network(normalised(pixels))[0]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()


def normalised(pixels):
    """Pixels (N, H, H) uint8 as a network takes them: (N, 1, H, H)."""
    return ((torch.from_numpy(pixels).float() / 255 - 0.5) / 0.2)[:, None]
