"""A folder with exported networks and images, and the command run inside the process of the tests."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from rayling.evaluation.results import Calibration
from rayling.export import onnx_export, onnx_file
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks import weights
from rayling.predict.__main__ import main

LABELS = ["left, the", "naïve"]
IMAGES = {"a.png": (40, 50), "deep/b.jpeg": (90, 70), "deep/c.png": (32, 32), "d.jpg": (200, 100)}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """student.onnx, teacher.onnx, exclusive.onnx, four images of different kinds below images/, and broken.png."""
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    images = (100 + 60 * rng.random((40, 32, 32))).astype(np.uint8)
    (folder / "images/deep").mkdir(parents=True)
    for name, size in IMAGES.items():
        Image.fromarray(images[0]).resize(size).save(folder / "images" / name)
    (folder / "broken.png").write_bytes(b"not an image")
    (folder / "empty").mkdir()
    for name, backbones in {"student": [], "teacher": ["resnet10t"], "exclusive": []}.items():
        write_model(folder / f"{name}.onnx", name, backbones, OutOfDistribution(32).fit(images[:30], images[30:]))
    return folder


def write_model(path, name, backbones, out_of_distribution):
    """A network of random weights; its calibration makes the first label present and the second absent.

    Of exclusive labels both are below one half: the first is the most probable of four.
    """
    labels, shifts, threshold = LABELS, [0.5, -3.0], 0.5
    if name == "exclusive":
        labels, shifts, threshold = [*LABELS, "third", "fourth"], [0.5, 0.0, 0.0, 0.0], None
    exclusive = threshold is None
    about = {"labels": labels, "study": "tiny", "exclusive": exclusive, "head": 0 if backbones else 1}
    about |= {"frozen": [False] * len(backbones), "standardise": False}
    header = weights.Header(network=name, backbones=backbones, size=32, mean=0.5, std=0.2, pretrained=False, **about)
    torch.manual_seed(0)
    network = weights.build(header).eval()
    thresholds = None if exclusive else np.full(len(labels), threshold)
    calibration = Calibration(labels, np.column_stack([np.ones(len(labels)), shifts]), thresholds, exclusive)
    exported = onnx_export.ExportedNetwork(network, header, calibration, out_of_distribution)
    facts = vars(header) | {"keep_aspect": True, "threshold": dict.fromkeys(labels, threshold), "notice": NOTICE}
    if name == "student":
        points = {"f1=max": facts["threshold"], "sensitivity=0.95": dict.fromkeys(labels, 0.01)}
        facts |= {"operating_point": "f1=max", "operating_points": points}
    onnx_file.save(path, onnx_export.to_onnx(exported, size=32), facts)


@dataclass
class Done:
    """What a command left."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def predict(folder, monkeypatch, capsys):
    """`rayling predict` with these arguments, run in this process in the folder; its images are of all shapes."""
    monkeypatch.chdir(folder)

    def run(*arguments, stdin=b"", more=("--even-if-unfamiliar",)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status = main([*map(str, arguments), *more])
        except SystemExit as error:  # of argparse
            status = error.code
        return Done(status, *capsys.readouterr())

    return run
