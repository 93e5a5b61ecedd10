"""`params.yaml`, typed: an unknown key, a wrong type or a value out of range is refused before any work.

A stage names what it reads, `params.read("temperature", "student")`, and gets nothing else;
a test compares those names with the `params:` of the stage in `dvc.yaml`.
"""

import difflib
import reprlib
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError

from distill.errors import BadInput

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A block of `params.yaml`: no key may be missing, none may be unknown, `20.0` is no integer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Phantom(Section):
    """The embedded data set: how many patients, how large, and how wrong its labels are."""

    patients: Count
    valid_patients: Count
    size: Annotated[int, Field(ge=32)]
    seed: Annotated[int, Field(ge=0)]
    label_noise: Share
    uncertain: Share
    blank: Annotated[float, Field(ge=0, le=1)]


class CheXpert(Section):
    """CheXpert's `train.csv` and `valid.csv`; uncertain labels (-1) by policy, `default` for the rest."""

    reader: Literal["chexpert"]
    folder: str
    frontal_only: bool
    uncertain: dict[str, Literal["ignore", "ones", "zeros"]]
    blank: Literal["ignore", "zeros"]


class Classes(Section):
    """Folders of classes (Kermany) or findings of a table (covid-chestxray), and the label that each means."""

    reader: Literal["class_folders", "covid_chestxray"]
    folder: str
    classes: dict[str, str]


Source = Annotated[CheXpert | Classes, Field(discriminator="reader")]


class Data(Section):
    """Where the X-rays come from, which labels count, and how they are split and sized."""

    sources: Annotated[list[Annotated[CheXpert | Classes, Field(discriminator="reader")]], Field(min_length=1)]
    labels: Annotated[list[str], Field(min_length=1)]
    size: Annotated[int, Field(ge=16)]
    keep_aspect: bool
    dev: Annotated[float, Field(gt=0, lt=1)]
    test: Share
    max_unreadable: Share


class Views(Section):
    """The augmentation: `count` views are cached of every image, view 0 is the image as it is."""

    count: Count
    rotate: NotNegative
    shift: Share
    scale: Share
    brightness: Share
    contrast: Share


class Features(Section):
    """Which three of a backbone's stages are compared with the student's three blocks, on which grid."""

    levels: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=3, max_length=3)]
    grid: Count


class Training(Section):
    """Adam, as the paper has it for every network."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    lr: Positive
    weight_decay: NotNegative
    schedule: Literal["constant", "cosine"]

    def settings(self) -> dict:
        """These five alone, as `fit.fit` takes them."""
        return {name: getattr(self, name) for name in Training.model_fields}


class Weights(Section):
    """What each term of the loss counts."""

    hard: NotNegative
    soft: NotNegative
    feature: NotNegative


class Teacher(Training):
    """One timm backbone or an ensemble of several."""

    backbones: Annotated[list[str], Field(min_length=1)]
    pretrained: bool


class Assistant(Training):
    """One timm backbone that learns from labels and teacher."""

    backbone: str
    pretrained: bool
    weights: Weights


class Student(Training):
    """The paper's three blocks, which learn from labels and `learn_from`."""

    weights: Weights


class Study(Section):
    """One data set and the networks for it."""

    data: Data
    balance: dict[str, Count]
    views: Views
    features: Features
    softening: Literal["sigmoid", "softmax"]
    teacher: Teacher
    assistant: Assistant
    student: Student

    @model_validator(mode="after")
    def _softmax_needs_two_labels(self) -> "Study":
        if self.softening == "softmax" and len(self.data.labels) < 2:
            raise ValueError("softening softmax needs two labels or more: with one its answer is always 1")
        return self


class Params(Section):
    """The whole file."""

    study: str
    temperature: Count
    learn_from: Literal["labels", "teacher", "assistant"]
    seed: Annotated[int, Field(ge=0)]
    student_seed: Annotated[int, Field(ge=0)]
    phantom: Phantom
    studies: dict[str, Study]


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
    try:
        # YAML 1.2, as DVC reads it: 1e-4 is a number, and "no" is a word
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: not found, expected in the repository's root") from None
    except YAMLError as error:
        raise BadInput(f"{path}: no valid YAML: {' '.join(str(error).split())}") from None


def _validated(content: object, path: str | Path) -> Params:
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        # a misspelt key is also a missing one: tell of the spelling
        problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise BadInput(f"{path}: {_one_line(problem)}") from None


def _one_line(problem: dict) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    if problem["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(), n=1)
        return f"{key}: unknown key" + (f", did you mean {nearest[0]}?" if nearest else "")
    if problem["type"] == "missing":
        return f"{key}: missing"
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
