"""Where a stage that was killed goes on: `data/checkpoints/`, which neither git nor DVC knows, as DVC deletes a stage's
partial outputs. The name of a folder there says what its file was made from, so that no other settings can take it up.
"""

import contextlib
import json
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import torch

FOLDER = Path("data/checkpoints")
HOME = Path(__file__).parents[1]


def file(name: str, **made_from) -> Path:
    """The path of a checkpoint that was made from these values, by the code, on the devices that there are now.

    Values are whatever JSON takes, and arrays; the same values and the same code give the same path. The number of
    processes and threads has no say, so that work goes on with others.
    """
    made_from |= {"torch": torch.__version__, "timm": version("timm")}
    made_from["devices"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    text = json.dumps(made_from, sort_keys=True, default=lambda array: array.tolist()).encode()
    parts = [text, *(path.read_bytes() for path in _code())]
    return FOLDER / sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16] / name


def drop_others(path: Path) -> None:
    """Remove, and tell, what other values, code or devices left under the name of `path`: nobody can go on with it."""
    for stale in set(FOLDER.glob(f"*/{path.name}")) - {path}:
        print(f"{stale}: begun with other settings, weights, code or devices: removed", flush=True)
        stale.unlink()
        _remove_empty(stale.parent)


def publish(unfinished: Path, path: Path) -> None:
    """Move what is finished to its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(path)
    _remove_empty(unfinished.parent)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not empty, or another process was faster
        folder.rmdir()


def _code() -> list[Path]:
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(path for path in map(Path, filter(None, files)) if path.parent in (HOME / "distill", HOME / "stages"))
