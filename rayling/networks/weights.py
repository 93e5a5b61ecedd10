"""`data/models/*.safetensors`: a network's tensors and a JSON header with what is needed to build it. No pickle."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import nn

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.networks.architectures import Backbone, Embedding, Ensemble, LinearProbe
from rayling.networks.student import Student
from rayling.storage.prepared import Split


@dataclass(frozen=True)
class Header:
    """What must be known to build and to use a network."""

    network: str  # teacher, assistant, student or the name of a control
    backbones: list[str]  # names of timm's; none for the student
    labels: list[str]
    size: int  # height and width of the images, in pixels
    mean: float  # of the train images, grey values in 0..1
    std: float
    study: str
    exclusive: bool  # whether the labels exclude one another
    pretrained: bool  # the backbones take three channels, scaled as pretrained weights expect
    frozen: list[bool]  # which of the backbones are linear probes
    head: int  # the student's linear layer sees averages over head × head cells; 0 for backbones
    standardise: bool  # the student brings each image to mean 0 and deviation 1; false for backbones

    @classmethod
    def of(
        cls,
        split: Split,
        *,
        network: str,
        backbones: Sequence[str] = (),
        pretrained: bool = False,
        frozen: Sequence[bool] = (),
        head: int = 0,
        standardise: bool = False,
    ) -> "Header":
        """The header of a network for the images and labels of `split`: of backbones, or a student with a head."""
        about = {"network": network, "backbones": list(backbones), "pretrained": pretrained}
        about |= {"head": head, "standardise": standardise}
        return cls(**about, frozen=list(frozen) or [False] * len(backbones), **_data_of(split))


def _data_of(split: Split) -> dict:
    keys = {name: name for name in ("size", "mean", "std", "study", "exclusive")} | {"labels": "names"}
    return {key: getattr(split, attribute) for key, attribute in keys.items()}


def build(header: Header, *, start_pretrained: bool = False, levels: Sequence[int] = (), grid: int = 1) -> nn.Module:
    """The network that the header describes, freshly initialised from torch's global generator.

    `levels` and `grid` are those of the feature maps that it returns, by default none. They change no weight, so other
    levels need no new training. With `start_pretrained` the backbones start from the weights that `pretrained.find`
    finds, or from timm's hub.
    """
    labels = len(header.labels)
    if not header.backbones:
        return _channels_last(Student(outputs=labels, grid=grid, head=header.head, standardise=header.standardise))
    moments = (header.mean, header.std) if header.pretrained else None
    about = {"outputs": labels, "levels": levels, "grid": grid, "moments": moments}
    members = [
        (LinearProbe if frozen else Backbone)(name, **about, start_pretrained=start_pretrained)
        for name, frozen in zip(header.backbones, header.frozen, strict=True)
    ]
    return _channels_last(Ensemble(members))


def _channels_last(network: nn.Module) -> nn.Module:
    """The network in the memory layout in which the student trains twice as fast on a CPU.

    Measured in docs/log/precision-and-layout.md.
    """
    return network.to(memory_format=torch.channels_last)


def save(path: str | Path, network: nn.Module, header: Header) -> None:
    """Write weights and header, whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    # One key, because safetensors writes several in random order; as bytes, because `save_file` is not atomic.
    content = as_bytes(tensors, metadata={"rayling": json.dumps(asdict(header))})
    with atomic(path) as partial:
        partial.write_bytes(content)


def load(path: str | Path, *, split: Split, **features) -> tuple[nn.Module, Header]:
    """The network in inference mode, on the CPU, and its header. `features` are `levels` and `grid` as for `build`.

    Raises BadInput if the file was not written by `save`, holds another network than its name says, or was made for
    other labels or pixels than those of `split`.
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
    """Raise ValueError, before anything is allocated, if the tensors are not those of the network in the header."""
    if len(header.backbones) > len(shapes):
        raise ValueError(f"{len(header.backbones)} backbones and {len(shapes)} tensors")
    with torch.device("meta"):
        expected = {name: list(tensor.shape) for name, tensor in build(header).state_dict().items()}
    for name in expected.keys() | shapes.keys():
        if expected.get(name) != shapes.get(name):
            raise ValueError(f"{name} is {shapes.get(name, 'missing')}, expected {expected.get(name, 'none')}")


def digest(network: nn.Module) -> str:
    """SHA-256, in hexadecimal, of a network's tensors: names, types, shapes and values, without file and header."""
    return _digest(network.state_dict())


def digest_of_backbones(embedding: Embedding) -> str:
    """The same for the frozen backbones of linear probes, without their linear layers."""
    tensors = embedding.state_dict()
    return _digest({name: tensor for name, tensor in tensors.items() if ".linear." not in name})


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    total = sha256()
    for name, tensor in sorted(tensors.items()):
        values = tensor.detach().cpu().contiguous().numpy()
        total.update(f"{name} {values.dtype} {values.shape}\n".encode() + values.tobytes())
    return total.hexdigest()
