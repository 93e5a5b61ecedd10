"""The repository's params.yaml with some values changed, and how it is refused."""

from pathlib import Path

import pytest
import yaml

from rayling.common.errors import BadInput
from rayling.config import params

TEXT = (Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")
STUDIES = list(yaml.safe_load(TEXT)["studies"])
REMOVE = object()


def edited(tmp_path, key: str, value) -> Path:
    """A copy of the repository's file in which one key, dots between its parts, has another value."""
    return edited_at(tmp_path, {key: value})


def edited_at(tmp_path, edits: dict) -> Path:
    """The same with several keys."""
    content = yaml.safe_load(TEXT)
    for key, value in edits.items():
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section[name]
        if value is REMOVE:
            del section[last]
        else:
            section[last] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """The message with which `read` refuses a bad file."""
    with pytest.raises(BadInput) as caught:
        params.read("temperature", path=path)
    return str(caught.value)
