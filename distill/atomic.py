"""Files that are either whole or absent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` when the block ends well, else delete it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: str | Path, report: dict) -> None:
    """Write a report as strict JSON, whole or not at all, with six decimals so that diffs stay small.

    Raises ValueError for NaN and infinity, which are not JSON.
    """
    text = json.dumps(_rounded(report), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return round(value, 6) if isinstance(value, float) else value
