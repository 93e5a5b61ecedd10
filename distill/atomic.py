"""Files that are either whole or absent."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distill.errors import BadInput


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` when the block ends well, else delete it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with naming(path):
            yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Where the system refuses something in the block, a full disk say, have its error name the file."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` to work in, gone when the block ends; a killed one is found and emptied."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with naming(path):
            yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; let it take the place of `path` when the block ends well."""
    path = Path(path)
    with scratch(path) as partial, scratch(path.with_name(f"{path.name}.old")) as old:
        yield partial
        if path.exists():
            path.replace(old / path.name)  # at once: who is killed while he removes it has none, not half of it
        partial.replace(path)


def write_json(path: str | Path, report: dict) -> None:
    """Write a report as strict JSON, whole or not at all, with six decimals so that diffs stay small.

    Raises ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(_rounded(report), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict:
    """What `write_json` wrote. Raises BadInput if there is nothing, or something else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: no report: {error}; expected what a stage writes") from None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: no report: found {type(found).__name__}, expected what a stage writes")
    return found


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return round(value, 6) + 0.0 if isinstance(value, float) else value  # + 0: no -0.0, which would be a change
