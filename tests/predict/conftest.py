"""A folder with exported networks and images, and the command run inside the process of the tests."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from rayling.evaluation.results import Calibration
from rayling.export import onnx_export
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from rayling.predict.__main__ import main

LABELS = ["left, the", "naïve"]
IMAGES = {"a.png": (40, 50), "deep/b.jpeg": (90, 70), "deep/c.png": (32, 32), "d.jpg": (200, 100)}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """student.onnx, teacher.onnx, four images of different kinds below images/, and broken.png."""
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    images = (100 + 60 * rng.random((40, 32, 32))).astype(np.uint8)
    (folder / "images/deep").mkdir(parents=True)
    for name, size in IMAGES.items():
        Image.fromarray(images[0]).resize(size).save(folder / "images" / name)
    (folder / "broken.png").write_bytes(b"not an image")
    (folder / "empty").mkdir()
    for name, backbones in {"student": [], "teacher": ["resnet10t"]}.items():
        write_model(folder / f"{name}.onnx", name, backbones, OutOfDistribution(32).fit(images[:30], images[30:]))
    return folder


def write_model(path, name, backbones, out_of_distribution):
    """A network of random weights; its calibration makes the first label present and the second absent."""
    header = weights.Header(network=name, backbones=backbones, labels=LABELS, size=32, mean=0.5, std=0.2, study="tiny")
    torch.manual_seed(0)
    network = weights.build(header).eval()
    calibration = Calibration(LABELS, np.array([[1.0, 0.5], [1.0, -3.0]]), np.array([0.5, 0.5]))
    exported = onnx_export.ExportedNetwork(network, header, calibration, out_of_distribution)
    facts = vars(header) | {"keep_aspect": True, "threshold": dict.fromkeys(LABELS, 0.5), "notice": NOTICE}
    onnx_export.save(path, onnx_export.to_onnx(exported, size=32), facts)


@dataclass
class Done:
    """What a command left."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def predict(folder, monkeypatch, capsys):
    """`python -m rayling.predict` with these arguments, run in this process in the folder."""
    monkeypatch.chdir(folder)

    def run(*arguments, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status = main(list(map(str, arguments)))
        except SystemExit as error:  # of argparse
            status = error.code
        return Done(status, *capsys.readouterr())

    return run
