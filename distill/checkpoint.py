"""Where a stage that was killed goes on: `data/checkpoints/`, which neither git nor DVC knows, as DVC deletes a stage's
partial outputs. The name of a folder there says what its file was made from, so that no other settings can take it up.
"""

import contextlib
import json
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from pydantic import BaseModel

from distill import processes

FOLDER = Path("data/checkpoints")
HOME = Path(__file__).parents[1]


def file(name: str, **made_from) -> Path:
    """The path of a checkpoint that was made from these values, by the code, on the devices that there are now.

    Values are whatever JSON takes, and arrays; the same values and the same code give the same path. The number of
    processes and threads has no say, so that work goes on with others.
    """
    made_from |= {"torch": torch.__version__, "timm": version("timm")}
    made_from["devices"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    text = json.dumps(made_from, sort_keys=True, default=_plain).encode()
    parts = [text, *(path.read_bytes() for path in _code())]
    return FOLDER / sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16] / name


def of_training(name: str, settings: SimpleNamespace, *inputs: str | Path) -> Path:
    """The path of the checkpoint of one network's training, by a stage of these parameters that reads these files.

    A file is known by its size and the time of its last change: a copy of it starts anew, which costs time and nothing
    else, and so does another number of processes. Whether it is there is for who reads it to tell. What others left
    under this name is dropped.
    """
    inputs = [*map(Path, inputs), *Path("data/weights").glob("*.safetensors")]
    stats = {str(path): path.stat() for path in sorted(inputs) if path.exists()}
    files = {path: [stat.st_size, stat.st_mtime_ns] for path, stat in stats.items()}
    path = file(f"{name}.pt", inputs=files, processes=processes.count(), **vars(settings))
    if not processes.rank():
        drop_others(path)
    return path


def drop_others(path: Path) -> None:
    """Remove, and tell, what other values, code or devices left under the name of `path`: nobody can go on with it."""
    left = {*FOLDER.glob(f"*/{path.name}"), *FOLDER.glob(f"*/.{path.name}.partial")}
    for stale in {file for file in left if file.parent != path.parent}:
        print(f"{stale}: begun with other settings, weights, code or devices: removed", flush=True)
        stale.unlink()
        _remove_empty(stale.parent)


def publish(unfinished: Path, path: Path) -> None:
    """Move what is finished to its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(path)
    _remove_empty(unfinished.parent)


def finished(name: str) -> None:
    """Remove the checkpoints of this name, perhaps with a `*`: what they were for is saved."""
    for path in (*FOLDER.glob(f"*/{name}.pt"), *FOLDER.glob(f"*/.{name}.pt.partial")):
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not empty, or another process was faster
        folder.rmdir()


def _plain(value: np.ndarray | BaseModel) -> list | dict:
    return value.model_dump() if isinstance(value, BaseModel) else value.tolist()


def _code() -> list[Path]:
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(path for path in map(Path, filter(None, files)) if path.parent in (HOME / "distill", HOME / "stages"))
