"""A trained network as one ONNX file that needs nothing else: pixels in, calibrated probabilities out.

B images of H × H pixels, K labels. The file says in its metadata what it is, so that whoever has it can use it.
"""

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import nn

from distill.atomic import atomic
from distill.familiar import Familiar
from distill.models import Student
from distill.weights import Header

OPSET = 18


class Portable(nn.Module):
    """A network with what `prepare` and `calibration` do around it."""

    def __init__(self, network: nn.Module, header: Header, familiar: Familiar) -> None:
        super().__init__()
        self.network, self.familiar = network, familiar
        self.mean, self.std = header.mean, header.std
        self.register_buffer("platt", torch.tensor(header.platt))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (B, H, H) as of `images.square` -> calibrated probabilities (B, K), how unfamiliar each is (B,)."""
        pixels = pixels.float()
        images = pixels * (1 / (255 * self.std)) - self.mean / self.std  # two passes, not three
        logits = _logits(self.network, images[:, None])
        return torch.sigmoid(logits * self.platt[:, 0] + self.platt[:, 1]), self.familiar(pixels)


def _logits(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    if isinstance(network, Student):  # without its feature maps, beside which onnxruntime can't compute in 8 bits
        return network.linear(network.block3(network.block2(network.block1(images))).mean((2, 3)))
    return network(images)[0]


def exported(portable: Portable, *, size: int) -> onnx.ModelProto:
    """The ONNX model: `pixels` in, `probabilities` and `unfamiliar` out, for any number of images."""
    content, pixels = io.BytesIO(), torch.zeros(2, size, size, dtype=torch.uint8)
    names = {"input_names": ["pixels"], "output_names": ["probabilities", "unfamiliar"]}
    dynamic = {name: {0: "images"} for name in ("pixels", "probabilities", "unfamiliar")}
    with warnings.catch_warnings():
        # of shapes, which are fixed, and that torch calls its tracing exporter old: the new one needs another package
        warnings.simplefilter("ignore")
        torch.onnx.export(
            portable.eval(), (pixels,), content, **names, dynamic_axes=dynamic, opset_version=OPSET, dynamo=False
        )
    return onnx.load_model_from_string(content.getvalue())


def save(path: str | Path, model: onnx.ModelProto, facts: Mapping) -> None:
    """Write the model, whole or not at all, with each of the `facts` as JSON in its metadata."""
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, {key: json.dumps(facts[key], ensure_ascii=False) for key in sorted(facts)})
    with atomic(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))
