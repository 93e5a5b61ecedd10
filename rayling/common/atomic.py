"""Files and folders that are written whole or not at all."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rayling.common.errors import BadInput


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place if the block ends well and else is deleted."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with name_in_errors(path, instead_of=partial):
            yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def name_in_errors(path: str | Path, *, instead_of: Path | None = None) -> Iterator[None]:
    """Name the file in an OSError of the block that names none, as that of a full disk does, or names `instead_of`."""
    try:
        yield
    except OSError as error:
        if error.errno and error.filename in (None, instead_of, str(instead_of)):
            error.filename = str(path)
        raise


@contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`, deleted when the block ends; one that a killed process left is
    emptied first."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with name_in_errors(path):
            yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, which takes its place if the block ends well and else is deleted."""
    path = Path(path)
    with scratch(path) as partial, scratch(path.with_name(f"{path.name}.old")) as old:
        yield partial
        if path.exists():
            path.replace(old / path.name)  # at once: a process killed while it deletes leaves no half of a folder
        partial.replace(path)


def write_json(path: str | Path, report: dict) -> None:
    """Write a report as strict JSON, with six decimals so that diffs stay small.

    Raises ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(_rounded(report), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict:
    """What `write_json` wrote. Raises BadInput if the file is missing or holds something else."""
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
    return round(value, 6) + 0.0 if isinstance(value, float) else value  # + 0.0: -0.0 becomes 0.0
