"""Reads and checks `params.yaml`: an unknown key, a wrong type or a value out of range is refused before any work.

A stage names what it reads, `params.read("temperature", "student.head")`, and gets nothing else; a test compares these
names with the `params:` of the stage in `dvc.yaml`.
"""

import difflib
import reprlib
import unicodedata
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from rayling.common.errors import BadInput
from rayling.config.schema import Params
from rayling.config.section import Section
from rayling.config.sources import READERS


def read(*keys: str, path: str | Path = "params.yaml") -> SimpleNamespace:
    """The values of the named keys: top-level keys, and keys of the study that `study` names.

    A key of a block, `student.head`, is found at the same place in the result, without the block's other keys. Raises
    BadInput, with the key, the value found and what was expected, if anything in the file is wrong.
    """
    params = _validated(_parsed(path), path)
    found, study = SimpleNamespace(), params.studies[params.study]
    for key in keys:
        *blocks, name = key.split(".")
        value, place = params if key.split(".")[0] in Params.model_fields else study, found
        for block in blocks:
            value = getattr(value, block)
            vars(place).setdefault(block, SimpleNamespace())
            place = getattr(place, block)
        setattr(place, name, getattr(value, name))
    return found


def read_all(path: str | Path = "params.yaml") -> dict:
    """The whole file as nested dictionaries of plain values. Raises BadInput if anything in the file is wrong."""
    content = _parsed(path)
    _validated(content, path)
    return content


def _parsed(path: str | Path) -> object:
    try:
        # YAML 1.2, as DVC reads it: 1e-4 is a number, and "no" is a word
        text = Path(path).read_text("utf-8-sig")
        return YAML(typ="safe", pure=True).load(unicodedata.normalize("NFC", text))  # as the readers' tables are
    except FileNotFoundError:
        raise BadInput(f"{path}: not found, expected in the repository's root") from None
    except (YAMLError, ValueError) as error:  # ValueError: not UTF-8, or the 30th of February
        raise BadInput(f"{path}: not valid YAML: {error}") from None


def _validated(content: object, path: str | Path) -> Params:
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        # a misspelt key is also a missing key: report the spelling
        problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise BadInput(f"{path}: {_one_line(problem)}") from None
    if params.study not in params.studies:
        raise BadInput(f"{path}: study: found {params.study!r}, expected one of {', '.join(params.studies)}")
    return params


def _one_line(problem: dict) -> str:
    # pydantic puts the reader's name behind the number of a source, where the file has none
    pairs = pairwise(("", *problem["loc"]))
    parts = [str(part) for before, part in pairs if not (isinstance(before, int) and part in READERS)]
    key = ".".join(parts) or "the whole file"
    if problem["type"] == "extra_forbidden":
        return _unknown_key(key, str(problem["loc"][-1]))
    if problem["type"] == "missing":
        return f"{key}: missing"
    if problem["type"] == "union_tag_invalid":
        return f"{key}.reader: found {problem['ctx']['tag']!r}, expected one of {problem['ctx']['expected_tags']}"
    if problem["type"] == "value_error":
        return f"{key}: {problem['ctx']['error']}"
    return f"{key}: found {reprlib.repr(problem['input'])}, {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _unknown_key(key: str, name: str) -> str:
    known = _known_keys()
    if name in known:
        return f"{key}: not a key of this block"
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"{key}: unknown key" + (f", did you mean {nearest[0]}?" if nearest else "")


def _known_keys() -> set[str]:
    sections, known = [Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        known |= set(section.model_fields)
    return known
