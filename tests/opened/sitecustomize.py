"""Notes every file that a stage opens: `PYTHONPATH=tests/opened OPENED=/tmp/log dvc repro`.

Python runs a module of this name before anything else. Files that libraries open behind Python's back, by HDF5 or
safetensors, are noted where they are asked to.
"""

import os
import sys
from pathlib import Path

FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _note(path, writes: bool) -> None:
    if isinstance(path, str | bytes | os.PathLike) and not os.fsdecode(path).startswith(
        "<"
    ):  # h5py names what is no file
        line = f"{_stage}\t{'w' if writes else 'r'}\t{Path(os.fsdecode(path)).absolute()}\n"
        os.write(_log, line.encode())


def _heard(event, arguments) -> None:
    if event == "open":
        path, mode, flags = arguments
        _note(path, bool(flags & FLAGS) if mode is None else bool(set(mode) & set("wax+")))
    elif event == "os.rename":
        _note(arguments[1], True)


def _noting(function, writes):
    def noted(path, *arguments, **named):
        _note(path, writes(*arguments, **named))
        return function(path, *arguments, **named)

    return noted


if "OPENED" in os.environ and "-m" in sys.orig_argv:
    _stage = " ".join(sys.orig_argv[sys.orig_argv.index("-m") + 1 :])
    if _stage.startswith("stages."):
        import h5py
        import safetensors

        _log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        h5py.h5f.open = _noting(h5py.h5f.open, lambda flags=0, *_, **__: bool(flags & h5py.h5f.ACC_RDWR))
        h5py.h5f.create = _noting(h5py.h5f.create, lambda *_, **__: True)
        safetensors.safe_open = _noting(safetensors.safe_open, lambda *_, **__: False)
        sys.addaudithook(_heard)
