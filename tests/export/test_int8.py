"""A network in 8 bits is smaller and ranks nearly the same, and its rewritten first convolution is exact."""

import numpy as np
import onnx
import onnxruntime
import pytest

from rayling.evaluation import auroc
from rayling.export import int8, onnx_export, onnx_file
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.predict.model import OnnxModel
from tests.export.small_networks import CALIBRATION, ENSEMBLE, build


def test_in_8_bits_it_is_smaller_and_ranks_nearly_the_same(exported, images, tmp_path, request):
    pixels, labels = images
    full, small = exported.path, tmp_path / "small.onnx"
    onnx_file.save(small, int8.quantise(full, pixels[:100]), OnnxModel(full).facts)
    assert small.stat().st_size < 0.45 * full.stat().st_size
    exact, rough = (OnnxModel(path).run(pixels)[0] for path in (full, small))
    assert 0 < np.abs(exact - rough).max() < 0.25
    assert abs(auroc.macro(labels, exact) - auroc.macro(labels, rough)) < 0.02
    kinds = {node.op_type for node in onnx.load(small).graph.node}
    assert ("SpaceToDepth" in kinds) == (request.node.callspec.id == "student")
    weights_in = {tensor.data_type for tensor in onnx.load(small).graph.initializer if len(tensor.dims) == 4}
    assert weights_in == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("size", [32, 33, 50])
@pytest.mark.parametrize("backbones", [[], ENSEMBLE], ids=["student", "ensemble"])
def test_with_cells_of_four_pixels_the_network_is_the_same(backbones, size):
    network, header = build(backbones, size)
    exported = onnx_export.ExportedNetwork(network, header, CALIBRATION, OutOfDistribution(size))
    full = onnx_export.to_onnx(exported, size=size)
    pixels = {"pixels": np.random.default_rng(0).integers(0, 256, (5, size, size), np.uint8)}
    expected = onnxruntime.InferenceSession(full.SerializeToString()).run(None, pixels)
    cells = int8.space_to_depth(full)
    assert ("SpaceToDepth" in [node.op_type for node in cells.graph.node]) == (not backbones and size % 2 == 0)
    onnx.checker.check_model(cells, full_check=True)
    found = onnxruntime.InferenceSession(cells.SerializeToString()).run(None, pixels)
    for each, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, other, rtol=1e-5)
