"""Writing an ONNX file with what it says of itself. Needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path

import onnx

from rayling.common.atomic import atomic


def save(path: str | Path, model: onnx.ModelProto, facts: Mapping) -> None:
    """Write the model atomically, with each of `facts` as JSON in its metadata."""
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, {key: json.dumps(facts[key], ensure_ascii=False) for key in sorted(facts)})
    with atomic(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))
