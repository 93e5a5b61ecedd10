"""Where the unfinished work of a stage is kept: in data/checkpoints/, which neither git nor DVC tracks.

It can't be among the outputs, because DVC deletes the partial outputs of a stage that was killed. The name of a folder
there is a hash of what its file was made from, so work with other settings is never continued.
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

from rayling.runtime import distributed

FOLDER = Path("data/checkpoints")
ROOT = Path(__file__).parents[2]
WITHOUT_EFFECT = ("common", "config")  # folders of rayling/ that can't change what is trained or dumped, as in dvc.yaml
SMALL = 2**20  # bytes


def path_for(name: str, **made_from) -> Path:
    """The path of a checkpoint made from these values, by the loaded code, on the present devices.

    Values are whatever JSON takes, arrays, and blocks of parameters. The same values, code and devices give the same
    path. The numbers of processes and threads are not among them, so work may continue with other numbers.
    """
    made_from |= {"torch": torch.__version__, "timm": version("timm")}
    made_from["devices"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    text = json.dumps(made_from, sort_keys=True, default=_plain).encode()
    parts = [text, *(path.read_bytes() for path in _loaded_code())]
    return FOLDER / sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16] / name


def for_training(name: str, settings: SimpleNamespace, *inputs: str | Path) -> Path:
    """The path of the checkpoint of one network's training with these parameters on these files. It may not exist.

    With a copied large file, or with another number of processes, the training starts again, which costs time and
    nothing else. Stale checkpoints of this name are deleted.
    """
    files = {str(path): identity(path) for path in sorted(map(Path, inputs)) if path.exists()}
    path = path_for(f"{name}.pt", inputs=files, processes=distributed.world_size(), **vars(settings))
    if not distributed.rank():
        delete_stale(path)
    return path


def delete_stale(path: Path) -> None:
    """Delete checkpoints that have the name of `path` but were made from other values or code, with a message."""
    found = {*FOLDER.glob(f"*/{path.name}"), *FOLDER.glob(f"*/.{path.name}.partial")}
    for stale in sorted(file for file in found if file.parent != path.parent):
        print(f"{stale}: deleted, it was made with other settings, inputs, processes, code or devices", flush=True)
        stale.unlink()
        _remove_empty(stale.parent)


def publish(unfinished: Path, path: Path) -> None:
    """Move a finished file to its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(path)
    _remove_empty(unfinished.parent)


def delete_finished(name: str) -> None:
    """Delete the checkpoints of this name, which may hold a `*`, once what they were for is saved."""
    for path in (*FOLDER.glob(f"*/{name}.pt"), *FOLDER.glob(f"*/.{name}.pt.partial")):
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)


def identity(path: str | Path) -> list:
    """What a file is known by: a small one by its bytes, a large one by its size and the time of its last change.

    DVC rewrites a small file when the stage that made it reruns, mostly with the same bytes.
    """
    path = Path(path)
    stat = path.stat()
    if stat.st_size <= SMALL:
        return [sha256(path.read_bytes()).hexdigest()]
    return [stat.st_size, stat.st_mtime_ns]


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not empty, or another process was faster
        folder.rmdir()


def _plain(value: np.ndarray | BaseModel | SimpleNamespace) -> list | dict:
    if isinstance(value, SimpleNamespace):
        return vars(value)
    return value.model_dump() if isinstance(value, BaseModel) else value.tolist()


def _loaded_code() -> list[Path]:
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    ours = [ROOT / "stages", *(path for path in (ROOT / "rayling").iterdir() if path.name not in WITHOUT_EFFECT)]
    return sorted(path for path in map(Path, filter(None, files)) if any(map(path.is_relative_to, ours)))
