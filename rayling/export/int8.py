"""An exported network in 8-bit integers: a quarter of the size, and faster on a CPU that can multiply them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

BLOCK = 32  # images per run
WIDE = 10_000  # weights of a linear layer that is worth 8 bits: 40 kB, of which 30 are saved


class _Reader(CalibrationDataReader):
    """The images in blocks, as onnxruntime asks for them."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self.blocks = blocks

    def get_next(self) -> dict[str, np.ndarray] | None:
        block = next(self.blocks, None)
        return None if block is None else {"pixels": block}


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Hide the advice to run a preprocessing pass, which the export has done already."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def quantise(path: str | Path, images: np.ndarray) -> onnx.ModelProto:
    """The model at `path` with convolutions, ReLU and max-pooling in 8 bits (onnxruntime's static quantisation).

    The ranges of activations are those that `images` (N, H, H) uint8 produce; weights have a scale for each channel.
    What comes before the first convolution and after the last pooling stays in float32, less the weights and inputs of
    a linear layer that is `WIDE`.
    """
    blocks = (images[first : first + BLOCK] for first in range(0, len(images), BLOCK))
    with TemporaryDirectory() as folder, _no_warnings():
        full, out = Path(folder, "full.onnx"), Path(folder, "small.onnx")
        model = space_to_depth(onnx.load_model(path))
        onnx.save_model(model, full)
        quantize_static(
            full,
            out,
            _Reader(blocks),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", *(["Gemm"] if _has_wide_linear(model) else [])],
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},  # 256 values of a logit would be ties
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load_model(out)


def _has_wide_linear(model: onnx.ModelProto) -> bool:
    weights = {node.input[1] for node in model.graph.node if node.op_type == "Gemm"}
    return any(each.name in weights and np.prod(each.dims) > WIDE for each in model.graph.initializer)


def space_to_depth(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite, in place, the student's first convolution to take each cell of 2 × 2 pixels as four channels.

    Its kernel of 5 × 5 pixels with stride 2 becomes one of 3 × 3 cells with stride 1, in which the last row and column
    of pixels have weight 0. The outputs are the same; in 8 bits onnxruntime is faster (tests/benchmarks/latency.py).
    A network that begins otherwise, or an odd number of pixels, is left as it is.
    """
    nodes = model.graph.node
    index = next(index for index, node in enumerate(nodes) if node.op_type == "Conv")
    first, pixels = nodes[index], model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    weights = next(each for each in model.graph.initializer if each.name == first.input[1])
    kernel, attributes = numpy_helper.to_array(weights), {each.name: list(each.ints) for each in first.attribute}
    if pixels % 2 or kernel.shape[1:] != (1, 5, 5) or attributes["strides"] != [2, 2] or attributes["pads"] != [2] * 4:
        return model
    cells = np.pad(kernel[:, 0], ((0, 0), (0, 1), (0, 1))).reshape(-1, 3, 2, 3, 2).transpose(0, 2, 4, 1, 3)
    weights.CopyFrom(numpy_helper.from_array(cells.reshape(-1, 4, 3, 3), weights.name))
    changed = helper.make_node("Conv", ["cells", *first.input[1:]], first.output, first.name, pads=[1] * 4)
    nodes.insert(index, helper.make_node("SpaceToDepth", first.input[:1], ["cells"], blocksize=2))
    nodes[index + 1].CopyFrom(changed)
    return model
