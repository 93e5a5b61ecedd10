"""What `params.yaml` may hold: every key, its type and its range."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from distill.layouts import RESERVED, CheXpert, Source
from distill.section import Below, Count, NotNegative, Pixels, Positive, Section, Seed, Share


class Phantom(Section):
    """The embedded data set: how many patients, how large, and how wrong its labels are."""

    patients: Annotated[int, Field(ge=1, le=64540)]  # CheXpert's own: patient 64541 is the first of valid.csv
    valid_patients: Count
    size: Pixels
    seed: Seed
    label_noise: Share
    uncertain: Share
    blank: Annotated[float, Field(ge=0, le=1)]


class Data(Section):
    """Where the X-rays come from, which labels count, and how they are split and sized."""

    sources: Annotated[list[Source], Field(min_length=1)]
    labels: Annotated[list[str], Field(min_length=1)]
    exclusive: bool
    size: Pixels  # fewer, and maps shrink to 1 × 1 before the last stride: a bug of oneDNN's (LOG.md)
    keep_aspect: bool
    split_file: Below
    dev: Annotated[float, Field(gt=0, lt=1)]
    test: Share
    labelled_fraction: Annotated[float, Field(gt=0, le=1)]
    max_unreadable: Share

    @model_validator(mode="after")
    def _agrees(self) -> "Data":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels: found one twice in {self.labels}, expected each once")
        for label in self.labels:
            if label in RESERVED or "$" in label or not label.isprintable() or label != label.strip() or not label:
                raise ValueError(f"labels: found {label!r}, expected another name (no $, none of {sorted(RESERVED)})")
        if self.dev + self.test >= 1:
            raise ValueError(f"dev {self.dev}, test {self.test}: expected a sum below 1, the rest is train")
        for source in self.sources:
            named = {*source.classes.values()} - {""}
            named |= set(source.uncertain) - {"default"} if isinstance(source, CheXpert) else set()
            _refuse_unknown(sorted(named), self.labels, f"sources: {source.folder}")
        return self


class Balance(Section):
    """Rows of a label in one epoch of train: as a count, or as a ratio to the commonest label."""

    counts: dict[str, Annotated[int, Field(ge=1, le=10_000_000)]]
    ratios: dict[str, Annotated[float, Field(gt=0, le=1000)]]


class Views(Section):
    """The augmentation: how far a view may differ from the image as it is, which is view 0."""

    rotate: Annotated[float, Field(ge=0, le=180)]
    shift: Share
    scale: Share
    brightness: Share
    contrast: Share


class Features(Section):
    """Which three of a backbone's stages are compared with the student's three blocks, on which grid."""

    levels: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=3, max_length=3)]
    grid: Annotated[int, Field(ge=1, le=64)]

    @field_validator("levels")
    @classmethod
    def _rise(cls, levels: list[int]) -> list[int]:
        if not levels[0] < levels[1] < levels[2]:
            raise ValueError(f"found {levels}, expected three that rise, from coarse pixels to fine meaning")
        return levels


class Training(Section):
    """Adam, as the paper has it for every network."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
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

    wasserstein: Literal["channels", "activations"]
    weights: Weights


class Study(Section):
    """One data set and the networks for it."""

    data: Data
    balance: Balance
    views: Views
    cached_views: Annotated[int, Field(ge=1, le=1000)]
    features: Features
    softening: Literal["sigmoid", "softmax"]
    teacher: Teacher
    assistant: Assistant
    student: Student

    @model_validator(mode="after")
    def _agrees(self) -> "Study":
        _refuse_unknown([*self.balance.counts, *self.balance.ratios], self.data.labels, "balance")
        for label in set(self.balance.counts) & set(self.balance.ratios):
            raise ValueError(f"balance: found {label!r} in counts and in ratios, expected it in one")
        if self.softening == "softmax" and len(self.data.labels) < 2:
            raise ValueError("softening: softmax needs two labels or more: with one its answer is always 1")
        return self


class Compute(Section):
    """How training is computed."""

    precision: Literal["auto", "float32", "bfloat16"]
    channels_last: bool
    compile: bool


class Params(Section):
    """The whole file."""

    study: str
    temperature: Annotated[int, Field(ge=1, le=1000)]
    learn_from: Literal["labels", "teacher", "assistant", "both"]
    seed: Seed
    student_seed: Seed
    compute: Compute
    phantom: Phantom
    studies: dict[str, Study]


def _refuse_unknown(named: Iterable[str], labels: list[str], where: str) -> None:
    for name in named:
        if name not in labels:
            raise ValueError(f"{where}: found label {name!r}, expected one of {', '.join(labels)}")
