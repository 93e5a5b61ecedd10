"""A page with a network, served to a browser."""

import threading
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from rayling.evaluation.results import Calibration
from rayling.export import onnx_export, onnx_file
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.images import reading
from rayling.networks.student import Student
from rayling.networks.weights import Header
from rayling.page import site
from rayling.predict.model import OnnxModel
from tests.browser import Browser
from tests.web.images import soft_shadows
from tests.web.reference import LABELS
from web.assemble import assemble
from web.serve import server


def write_network(path, *, size, keep_aspect, exclusive):
    """Export random weights, with a calibration that makes different findings present in different images.

    Of exclusive findings, different ones are the most probable.
    """
    generator = np.random.default_rng(size)
    torch.manual_seed(size)
    student = Student(outputs=len(LABELS), grid=1, head=4 if exclusive else 1).eval()
    shapes = generator.integers(40, 120, (300, 2))
    images = [Image.fromarray(soft_shadows(generator, *shape)) for shape in shapes]
    images = np.stack([reading.square(image, size=size, keep_aspect=keep_aspect) for image in images])
    with torch.no_grad():
        logits, _ = student((torch.from_numpy(images)[:, None] / 255 - 0.48) / 0.21)
    scale = 2 / logits.std(0)
    scale = scale.mean().expand_as(scale) if exclusive else scale
    platt = torch.stack([scale, -scale * logits.mean(0)], 1).double().numpy()
    thresholds = [None] * 4 if exclusive else [0.5, 0.1, 0.9, 0.4]
    calibration = Calibration(LABELS, platt, None if exclusive else np.array(thresholds), exclusive)
    about = {
        "study": "random",
        "exclusive": exclusive,
        "pretrained": False,
        "frozen": [],
        "head": student.head,
        "standardise": student.standardise,
    }
    header = Header(network="student", backbones=[], size=size, labels=LABELS, mean=0.48, std=0.21, **about)
    threshold = dict(zip(LABELS, thresholds, strict=True))
    facts = asdict(header) | {"keep_aspect": keep_aspect, "threshold": threshold, "notice": NOTICE}
    if not exclusive:
        points = {"f1=max": threshold, "sensitivity=0.95": dict.fromkeys(LABELS, 0.01)}
        facts |= {"operating_point": "f1=max", "operating_points": points}
    out_of_distribution = OutOfDistribution(size).fit(images[:200], images[200:])
    exported = onnx_export.ExportedNetwork(student, header, calibration, out_of_distribution)
    onnx_file.save(path, onnx_export.to_onnx(exported, size=size), facts)
    return path


@pytest.fixture(scope="module", params=[(64, False, False), (63, True, True)], ids=["stretched", "padded, exclusive"])
def model(request, tmp_path_factory):
    """An exported network as Python reads it; `address` is that of the page with it, `site` the page's folder."""
    size, keep_aspect, exclusive = request.param
    folder = tmp_path_factory.mktemp("web")
    path = write_network(folder / "student.onnx", size=size, keep_aspect=keep_aspect, exclusive=exclusive)
    assemble(folder / "files")
    site.write(path, folder / "site", files=folder / "files")
    made = OnnxModel(path)
    with server(folder / "site", 0) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        made.address, made.site = f"http://127.0.0.1:{page.server_port}/", folder / "site"
        yield made
        page.shutdown()


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    assert browser("complaints") == []  # of scripts and of the security policy, by every test here
    browser.close()


@pytest.fixture(scope="module")
def opened(browser, model):
    """The page, opened once for many images."""
    browser.open(model.address)
    return browser


@pytest.fixture
def page(browser, model):
    """The page, freshly opened."""
    browser.open(model.address)
    yield browser
    browser("cut", False)
