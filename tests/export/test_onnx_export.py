"""An exported network returns what the trained network returns, and its metadata describes it."""

import json

import numpy as np
import onnx
import pytest
import torch

from rayling.common.errors import BadInput
from rayling.export import onnx_export, onnx_file
from rayling.predict.model import OnnxModel
from tests.export.small_networks import CALIBRATION, SIZE, normalised


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_file_returns_what_the_network_returns_for_any_number_of_images(exported, images, count):
    pixels = images[0][:count]
    probabilities, distances = OnnxModel(exported.path).run(pixels)
    with torch.inference_mode():
        expected = CALIBRATION.probabilities(exported.network(normalised(pixels))[0].numpy())
        expected_distances = exported.out_of_distribution(torch.from_numpy(pixels).float())
    assert np.abs(probabilities - expected).max() < 1e-5
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-4)
    assert probabilities.shape == (count, 2) and distances.shape == (count,)


def test_the_metadata_describe_the_network(exported):
    model = OnnxModel(exported.path)
    assert model.labels == ["left", "top"] and model.size == SIZE and model.thresholds.tolist() == [0.4, 0.6]
    assert model.facts["study"] == "tiny" and "Not for clinical" in model.facts["notice"]
    stored = onnx.load(exported.path)
    assert [entry.version for entry in stored.opset_import if not entry.domain] == [onnx_export.OPSET]
    assert {entry.key: json.loads(entry.value) for entry in stored.metadata_props} == model.facts


def test_the_same_network_is_the_same_file(exported, tmp_path):
    network, header, out_of_distribution, path = exported
    again = onnx_export.ExportedNetwork(network, header, CALIBRATION, out_of_distribution)
    onnx_file.save(tmp_path / "again.onnx", onnx_export.to_onnx(again, size=SIZE), OnnxModel(path).facts)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("key", ["labels", "size", "keep_aspect", "mean", "threshold", "notice"])
def test_a_file_without_a_fact_is_refused(exported, tmp_path, key):
    facts = OnnxModel(exported.path).facts
    for changed in ({name: fact for name, fact in facts.items() if name != key}, facts | {key: None}):
        onnx_file.save(tmp_path / "less.onnx", onnx.load(exported.path), changed)
        with pytest.raises(BadInput, match=key):
            OnnxModel(tmp_path / "less.onnx")


def test_it_decides_by_the_operating_point_that_is_asked_for(exported):
    asked = OnnxModel(exported.path, operating_point="sensitivity=0.95")
    assert OnnxModel(exported.path).operating_point == "f1=max" and asked.operating_point == "sensitivity=0.95"
    assert asked.decide(np.array([[0.1, 0.29], [0.09, 0.3]])).tolist() == [[True, False], [False, True]]
    with pytest.raises(BadInput, match=r"no operating point 'f2', expected one of f1=max, sensitivity=0\.95$"):
        OnnxModel(exported.path, operating_point="f2")


def test_a_file_without_operating_points_has_one_without_a_name(exported, tmp_path):
    facts = {name: fact for name, fact in OnnxModel(exported.path).facts.items() if "operating" not in name}
    onnx_file.save(tmp_path / "older.onnx", onnx.load(exported.path), facts)
    older = OnnxModel(tmp_path / "older.onnx")
    assert older.operating_point is None and older.thresholds.tolist() == [0.4, 0.6]
    with pytest.raises(BadInput, match="expected none: the file has no other"):
        OnnxModel(tmp_path / "older.onnx", operating_point="f1=max")


@pytest.mark.parametrize(
    "wrong",
    [
        {"operating_points": {"f1=max": {"left": 0.4}}},
        {"operating_points": {"f1=max": {"left": 0.4, "top": 6}}},
        {"operating_points": []},
        {"operating_point": "sensitivity=0.5"},
    ],
)
def test_operating_points_that_do_not_suit_the_labels_are_refused(exported, tmp_path, wrong):
    onnx_file.save(tmp_path / "wrong.onnx", onnx.load(exported.path), OnnxModel(exported.path).facts | wrong)
    with pytest.raises(BadInput, match="its metadata has operating_point"):
        OnnxModel(tmp_path / "wrong.onnx")


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"])
def test_a_file_that_is_not_a_model_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    for name in ("model.onnx", "absent.onnx", "."):
        with pytest.raises(BadInput, match="not an exported network") as caught:
            OnnxModel(tmp_path / name)
        assert "\n" not in str(caught.value)
