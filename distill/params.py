"""`params.yaml`, read: an unknown key, a wrong type or a value out of range is refused before any work.

A stage names what it reads, `params.read("temperature", "student")`, and gets nothing else;
a test compares those names with the `params:` of the stage in `dvc.yaml`.
"""

import difflib
import re
import reprlib
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

from pydantic import ValidationError
from ruamel.yaml import YAML, YAMLError

from distill.errors import BadInput
from distill.layouts import READERS
from distill.schema import Params
from distill.section import Section

DEEPEST = 100  # brackets within brackets: the time of YAML's scanner grows with the square


def read(*keys: str, path: str | Path = "params.yaml") -> SimpleNamespace:
    """The named values: top-level keys as they are, the keys of a study from the study that runs.

    Raises BadInput, naming key, value and what was expected, if anything in the file is wrong.
    """
    params = _validated(_parsed(Path(path)), path)
    if params.study not in params.studies:
        raise BadInput(f"{path}: study: found {params.study!r}, expected one of {', '.join(params.studies)}")
    study = params.studies[params.study]
    return SimpleNamespace(**{key: getattr(params if key in Params.model_fields else study, key) for key in keys})


def _parsed(path: Path) -> dict:
    if _depth(path) > DEEPEST:
        raise BadInput(f"{path}: found brackets more than {DEEPEST} deep, expected a few")
    try:
        # YAML 1.2, as DVC reads it: 1e-4 is a number, and "no" is a word
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: not found, expected in the repository's root") from None
    except (YAMLError, RecursionError, ValueError) as error:  # ValueError: no UTF-8, or the 30th of February
        raise BadInput(f"{path}: no valid YAML: {error}") from None


def _depth(path: Path) -> int:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    code = re.sub(r"#.*|'[^'\n]*'|\"[^\"\n]*\"", "", text)
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", code)), default=0)


def _validated(content: object, path: str | Path) -> Params:
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        # a misspelt key is also a missing one: tell of the spelling
        problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise BadInput(f"{path}: {_one_line(problem)}") from None


def _one_line(problem: dict) -> str:
    # pydantic puts the reader's name into the path of a source, where the file has none
    parts = [str(part) for part in problem["loc"] if part not in READERS]
    key = ".".join(parts) or "the whole file"
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1])
        if name in _known_keys():
            return f"{key}: no key of this block"
        nearest = difflib.get_close_matches(name, _known_keys(), n=1)
        return f"{key}: unknown key" + (f", did you mean {nearest[0]}?" if nearest else "")
    if problem["type"] == "missing":
        return f"{key}: missing"
    if problem["type"] == "union_tag_invalid":
        return f"{key}.reader: found {problem['ctx']['tag']!r}, expected one of {problem['ctx']['expected_tags']}"
    if problem["type"] == "value_error":
        return f"{key}: {problem['ctx']['error']}"
    return f"{key}: found {reprlib.repr(problem['input'])}, {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _known_keys() -> set[str]:
    sections, known = [Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        known |= set(section.model_fields)
    return known
