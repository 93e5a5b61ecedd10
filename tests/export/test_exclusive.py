"""An exported student of labels that exclude one another: softmax, and the most probable label as the answer."""

import numpy as np
import onnx
import pytest
import torch
from scipy.special import softmax

from rayling.evaluation.results import Calibration
from rayling.export import int8, onnx_export, onnx_file
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.predict.model import OnnxModel
from tests.export.small_networks import build, normalised, train

THIRDS = ["upper", "middle", "lower"]
PLATT = np.array([[1.7, -0.4], [1.7, 0.6], [1.7, 0.1]])  # one scale, a shift for each label


@pytest.fixture(scope="module", params=[32, 50], ids=["head of even cells", "head of uneven cells"])
def student(request, tmp_path_factory):
    """A trained network that tells which third of an image is bright, some images (100, H, H), and its file."""
    rng, size = np.random.default_rng(0), request.param
    third = rng.integers(0, 3, 164)
    pixels = rng.normal(100, 30, (164, size, size))
    for image, number in zip(pixels, third, strict=True):
        image[number * size // 3 : (number + 1) * size // 3] += 25
    pixels = pixels.clip(0, 255).astype(np.uint8)
    network, header = build(size=size, labels=THIRDS, exclusive=True, head=4)
    train(network, pixels[100:], np.eye(3, dtype=np.float32)[third[100:]])
    exported = onnx_export.ExportedNetwork(
        network, header, Calibration(THIRDS, PLATT, None, exclusive=True), OutOfDistribution(size)
    )
    path = tmp_path_factory.mktemp("exclusive") / "student.onnx"
    facts = {"keep_aspect": False, "threshold": dict.fromkeys(THIRDS), "notice": NOTICE}
    onnx_file.save(path, onnx_export.to_onnx(exported, size=size), vars(header) | facts)
    return network, pixels[:100], path


def test_the_probabilities_are_the_softmax_of_the_calibrated_logits(student):
    network, pixels, path = student
    model = OnnxModel(path)
    found, _ = model.run(pixels)
    with torch.inference_mode():
        logits = network(normalised(pixels))[0].double().numpy()
    expected = softmax(logits * PLATT[:, 0] + PLATT[:, 1], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert model.exclusive and model.thresholds is None
    most_probable = expected.argmax(1)
    assert set(most_probable) == {0, 1, 2} and np.array_equal(model.decide(found), np.eye(3)[most_probable] == 1)


@pytest.mark.parametrize("wide", [int8.WIDE, 1000], ids=["linear in float32", "linear in 8 bits"])
def test_in_8_bits_the_answers_are_nearly_all_the_same(student, tmp_path, monkeypatch, wide):
    _, pixels, path = student
    full, small = OnnxModel(path), tmp_path / "small.onnx"
    monkeypatch.setattr(int8, "WIDE", wide)
    onnx_file.save(small, int8.quantise(path, pixels), full.facts)
    model = OnnxModel(small)
    exact, rough = full.run(pixels)[0], model.run(pixels)[0]
    np.testing.assert_allclose(rough.sum(1), 1, atol=1e-6)
    assert 0 < np.abs(exact - rough).max() < 0.2
    assert (full.decide(exact) == model.decide(rough)).all(1).mean() >= 0.97
    linear = next(each for each in onnx.load(small).graph.initializer if each.dims == [3, 2048])
    assert linear.data_type == (onnx.TensorProto.INT8 if wide == 1000 else onnx.TensorProto.FLOAT)


def test_of_equal_probabilities_the_first_is_the_answer(student):
    model = OnnxModel(student[2])
    ties = np.float32([[1 / 3, 1 / 3, 1 / 3], [0.2, 0.4, 0.4], [0.5, 0, 0.5]])
    assert model.decide(ties).argmax(1).tolist() == [0, 1, 0] and (model.decide(ties).sum(1) == 1).all()
