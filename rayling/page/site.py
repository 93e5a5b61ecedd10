"""The folder of the web page with one network: it needs a browser, and Python's standard library to serve it."""

import gzip
import json
import shutil
from pathlib import Path

from rayling.common.errors import BadInput
from rayling.predict.model import OnnxModel

FILES = Path(__file__).parent / "files"  # page and libraries: `python -m web.assemble` in a clone, or the wheel
MODEL, FACTS = "model.onnx", "model.json"
WORTH = 100_000  # bytes from which a file is also stored compressed, for networks slower than a disk


def write(model: str | Path, folder: str | Path, *, files: Path = FILES) -> None:
    """Write `folder` anew, whole or not at all: the page's `files`, the network, and its metadata as JSON.

    Beside large files of the page lies a compressed copy, `<name>.gz`, which serve.py sends to browsers that take it;
    a network would hardly shrink.

    Raises BadInput if the model is not an exported network, if `folder` holds anything but such a page, and if there
    are no `files`; OSError if the disk is full.
    """
    folder = Path(folder)
    facts = json.dumps(OnnxModel(model).facts, ensure_ascii=False, allow_nan=False)
    if not (files / "index.html").is_file():
        raise BadInput(f"{files}: found no page; expected it: install the wheel that `make wheel` builds in a clone")
    if folder.exists() and not ((folder / FACTS).is_file() or (folder.is_dir() and not any(folder.iterdir()))):
        raise BadInput(f"{folder}: found something else than a page; expected a new folder, or an older page")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(files, partial)
    for path in [path for path in partial.rglob("*") if path.is_file() and path.stat().st_size >= WORTH]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    shutil.copy(model, partial / MODEL)
    (partial / FACTS).write_text(facts, "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
