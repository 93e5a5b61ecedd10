"""A trained network as one ONNX file that needs nothing else: pixels in, calibrated probabilities out.

Its metadata says what it is and how to use it. B images of H × H pixels, K labels.
"""

import io
import warnings

import onnx
import torch
from torch import nn

from rayling.evaluation.results import Calibration
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.networks.student import Student
from rayling.networks.weights import Header

OPSET = 18


class ExportedNetwork(nn.Module):
    """A network with the normalisation before it, the calibration after it, and the out-of-distribution check."""

    def __init__(
        self, network: nn.Module, header: Header, calibration: Calibration, out_of_distribution: OutOfDistribution
    ) -> None:
        super().__init__()
        self.network, self.out_of_distribution = network, out_of_distribution
        self.mean, self.std, self.exclusive = header.mean, header.std, calibration.exclusive
        self.register_buffer("platt", torch.tensor(calibration.platt.tolist()))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels uint8 (B, H, H) -> calibrated probabilities (B, K), out-of-distribution distances (B,).

        Probabilities of exclusive labels sum to one.
        """
        pixels = pixels.float()
        images = pixels * (1 / (255 * self.std)) - self.mean / self.std  # two passes over the pixels, not three
        logits = _logits(self.network, images[:, None]) * self.platt[:, 0] + self.platt[:, 1]
        return logits.softmax(1) if self.exclusive else logits.sigmoid(), self.out_of_distribution(pixels)


def _logits(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return network.logits(images) if isinstance(network, Student) else network(images).logits


def to_onnx(exported: ExportedNetwork, *, size: int) -> onnx.ModelProto:
    """The ONNX model for any number of images of `size` × `size` pixels.

    Its input is `pixels`, its outputs are `probabilities` and `out_of_distribution`: the distance from the train images
    as a share of the limit, above 1 an image is flagged.
    """
    content, pixels = io.BytesIO(), torch.zeros(2, size, size, dtype=torch.uint8)
    names = {"input_names": ["pixels"], "output_names": ["probabilities", "out_of_distribution"]}
    dynamic = {name: {0: "images"} for name in ("pixels", "probabilities", "out_of_distribution")}
    with warnings.catch_warnings():
        # about shapes, which are fixed, and about the tracing exporter: torch's new one needs another package
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported.eval(), (pixels,), content, **names, dynamic_axes=dynamic, opset_version=OPSET, dynamo=False
        )
    return onnx.load_model_from_string(content.getvalue())
