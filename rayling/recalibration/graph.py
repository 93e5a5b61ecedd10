"""The end of an exported network: its log-odds, and a scale and shift for them.

Every file ends in a sigmoid or a softmax whose input are the log-odds (`export/onnx_export.py`), in 8 bits too.
N films of H × H pixels, K labels.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from rayling.common.errors import BadInput

BLOCK = 64  # films in one run


def log_odds(model: onnx.ModelProto, pixels: np.ndarray) -> np.ndarray:
    """The log-odds (N, K) of films, uint8 (N, H, H), exactly: a probability near 1 has lost their digits."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    name = last(shown).input[0]
    shown.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    blocks = [pixels[first : first + BLOCK] for first in range(0, len(pixels), BLOCK)]
    return np.concatenate([session.run([name], {"pixels": block})[0] for block in blocks])


def with_calibration(model: onnx.ModelProto, platt: np.ndarray) -> onnx.ModelProto:
    """A copy whose log-odds are scale · log-odds + shift, for `platt` (K, 2)."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    node = last(changed)
    names = {"scale": "recalibration.scale", "shift": "recalibration.shift"}
    for name, values in zip(names.values(), platt.T.astype(np.float32), strict=True):
        changed.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    before, node.input[0] = node.input[0], "recalibrated"
    place = list(changed.graph.node).index(node)
    changed.graph.node.insert(place, helper.make_node("Mul", [before, names["scale"]], ["recalibration.scaled"]))
    shifted = helper.make_node("Add", ["recalibration.scaled", names["shift"]], ["recalibrated"])
    changed.graph.node.insert(place + 1, shifted)
    return changed


def last(model: onnx.ModelProto) -> onnx.NodeProto:
    """The sigmoid or softmax that gives the probabilities. Raises BadInput if there is none."""
    for node in model.graph.node:
        if "probabilities" in node.output and node.op_type in ("Sigmoid", "Softmax"):
            return node
    raise BadInput("found no sigmoid or softmax at its end, expected an ONNX file that `export` wrote")
