"""`data/models/*.safetensors`: weights and a JSON header that says what they are. No pickle."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import nn

from distill.atomic import atomic
from distill.errors import BadInput
from distill.models import Backbone, Ensemble, Student
from distill.prepared import Split


@dataclass(frozen=True)
class Header:
    """What must be known to use a network: what it is, what goes in and what comes out."""

    network: str  # teacher, assistant or student
    backbones: list[str]  # as timm names them; none for the student
    labels: list[str]
    size: int  # height and width of the images, in pixels
    mean: float  # of the train images, grey values in 0..1
    std: float
    study: str
    seed: int
    platt: list[list[float]]  # of each label [scale, shift], as `calibration.apply` takes them
    computed: str = ""  # how it was trained: precision, device, processes

    def __post_init__(self) -> None:
        """Raises ValueError unless `platt` is a scale above 0 and a shift, both finite, for each label."""
        platt = np.array(self.platt, float)
        if platt.shape != (len(self.labels), 2) or not np.isfinite(platt).all() or platt[:, 0].min() <= 0:
            raise ValueError(f"platt {self.platt}, not a scale above 0 and a shift for each of {self.labels}")

    @classmethod
    def of(cls, split: Split, **rest) -> "Header":
        """The header of a network for the images and labels of `split`, not yet calibrated."""
        return cls(**_data_of(split), platt=[[1.0, 0.0]] * len(split.names), **rest)

    def calibrated(self, platt: np.ndarray) -> "Header":
        """The same header with what `calibration.fit` found, (K, 2). Raises ValueError if it does not fit."""
        return replace(self, platt=platt.tolist())


def _data_of(split: Split) -> dict:
    keys = {"labels": "names", "size": "size", "mean": "mean", "std": "std", "study": "study"}
    return {key: getattr(split, attribute) for key, attribute in keys.items()}


def build(header: Header, *, pretrained: bool = False, levels: Sequence[int] = (), grid: int = 1) -> nn.Module:
    """The network that the header describes, freshly initialised from torch's global generator.

    `levels` and `grid` are those of the feature maps that it is to give, none unless named: they change no weight, so
    that other ones need no other training.
    """
    if not header.backbones:
        return _fast(Student(outputs=len(header.labels), grid=grid))
    shape = {"outputs": len(header.labels), "levels": levels, "grid": grid}
    members = [Backbone(name, **shape, pretrained=pretrained) for name in header.backbones]
    return _fast(Ensemble(members))


def _fast(network: nn.Module) -> nn.Module:
    """The layout that convolutions are fastest in; on a CPU the student trains twice as fast (LOG.md)."""
    return network.to(memory_format=torch.channels_last)


def save(path: str | Path, network: nn.Module, header: Header) -> None:
    """Write weights and header, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    # one key only: safetensors writes several in random order. To bytes: it would write a file of its own name
    content = as_bytes(tensors, metadata={"rayling": json.dumps(asdict(header))})
    with atomic(path) as partial:
        partial.write_bytes(content)


def load(path: str | Path, *, split: Split, **features) -> tuple[nn.Module, Header]:
    """The network in inference mode, on the CPU, and its header; `features` are `levels` and `grid` as for `build`.

    Raises BadInput if the file is none of ours, holds another network than its name says, or was made for other labels
    or pixels than those of `split`.
    """
    try:
        with safe_open(path, "pt") as file:
            header = TypeAdapter(Header).validate_json((file.metadata() or {})["rayling"])
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            _refuse_other(header, shapes)
            tensors = {name: file.get_tensor(name) for name in shapes}
        network = build(header, **features)
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"{path}: no network of this project: {error}; expected what a train stage writes") from None
    if header.network != Path(path).stem:
        raise BadInput(f"{path}: found the {header.network}, expected the {Path(path).stem}")
    for key, expected in _data_of(split).items():
        found = getattr(header, key)
        if found != expected:
            raise BadInput(f"{path}: made for {key} {found}, expected {expected} as in the prepared data")
    return network.eval(), header


def _refuse_other(header: Header, shapes: dict[str, list[int]]) -> None:
    """Raise ValueError, before anything is allocated, if these are not the tensors of the network that it names."""
    if len(header.backbones) > len(shapes):
        raise ValueError(f"{len(header.backbones)} backbones and {len(shapes)} tensors")
    with torch.device("meta"):
        expected = {name: list(tensor.shape) for name, tensor in build(header).state_dict().items()}
    for name in expected.keys() | shapes.keys():
        if expected.get(name) != shapes.get(name):
            raise ValueError(f"{name} is {shapes.get(name, 'missing')}, expected {expected.get(name, 'none')}")


def digest(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return sha256(Path(path).read_bytes()).hexdigest()
