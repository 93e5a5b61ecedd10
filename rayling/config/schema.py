"""Every key of `params.yaml` with its type and its range.

No key has a default that stands for a value, so an edit of this file changes no result: it reruns `check` alone.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from rayling.config.networks import Assistant, Student, Teacher, Weights
from rayling.config.operating_point import OperatingPoint
from rayling.config.section import Count, Pixels, Section, Seed, Share
from rayling.config.sources import COLUMNS, Below, Source, labels_named

UNTAUGHT = "softmax softening leaves the offset of each image's logits untaught"
# names of columns that `prepare` uses itself
RESERVED = {*COLUMNS, "unlabelled", "at", "left_out", "number", "row", "digest", "reason", "group", "images", "rank"}
RESERVED |= {"resembles"}


class Phantom(Section):
    """The embedded data set: number of patients, size of the images, and errors of the labels."""

    patients: Annotated[int, Field(ge=1, le=64540)]  # as in CheXpert: patient 64541 is the first of valid.csv
    valid_patients: Count
    size: Pixels
    seed: Seed
    label_noise: Share
    uncertain: Share
    blank: Annotated[float, Field(ge=0, le=1)]


class Data(Section):
    """Where the X-rays come from, which labels are used, and how images are split and sized."""

    sources: Annotated[list[Source], Field(min_length=1)]
    labels: Annotated[list[str], Field(min_length=1)]
    exclusive: bool
    size: Pixels  # smaller: maps of 1 × 1 before the last stride, a bug of oneDNN (docs/log)
    keep_aspect: bool
    split_file: Below
    dev: Annotated[float, Field(gt=0, lt=1)]
    test: Share
    labelled_fraction: Annotated[float, Field(gt=0, le=1)]
    max_unreadable: Share

    @model_validator(mode="after")
    def _agrees(self) -> "Data":
        if self.exclusive and len(self.labels) < 2:
            raise ValueError(f"exclusive: found true and the one label {self.labels[0]!r}, expected two or more")
        if len({"".join(label.casefold().split()) for label in self.labels}) < len(self.labels):
            raise ValueError(f"labels: found one twice in {self.labels}, case and spaces apart, expected each once")
        for label in self.labels:
            if label in RESERVED or "$" in label or not label.isprintable() or label != label.strip() or not label:
                raise ValueError(f"labels: found {label!r}, expected another name (no $, none of {sorted(RESERVED)})")
        if self.dev + self.test >= 1:
            raise ValueError(f"dev {self.dev}, test {self.test}: expected a sum below 1, the rest is train")
        if all(source.unlabelled for source in self.sources):
            raise ValueError("sources: found all of them unlabelled, expected one with labels")
        for source in self.sources:
            _refuse_unknown(labels_named(source), self.labels, f"sources: {source.folder}")
        return self


class Balance(Section):
    """How many rows of a label an epoch has: a count, or a ratio to the most frequent label."""

    counts: dict[str, Annotated[int, Field(ge=1, le=10_000_000)]]
    ratios: dict[str, Annotated[float, Field(gt=0, le=1000)]]


class Views(Section):
    """The augmentation: how far a view may differ from the original image, which is view 0."""

    rotate: Annotated[float, Field(ge=0, le=180)]
    shift: Share
    scale: Share
    brightness: Share
    contrast: Share
    gamma: Annotated[float, Field(ge=0, le=2)]


class Features(Section):
    """The three stages of a backbone that are compared with the student's three blocks, and the grid of the maps."""

    levels: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=3, max_length=3)]
    grid: Annotated[int, Field(ge=1, le=64)]

    @field_validator("levels")
    @classmethod
    def _ascend(cls, levels: list[int]) -> list[int]:
        if not levels[0] < levels[1] < levels[2]:
            raise ValueError(f"found {levels}, expected three in ascending order, one per block of the student")
        return levels


class Study(Section):
    """A data set and the networks for it."""

    data: Data
    external: list[Source]
    balance: Balance
    views: Views
    cached_views: Annotated[int, Field(ge=1, le=1000)]
    lesson: Literal["cached_views", "any_view"]
    features: Features
    hard_loss: Literal["bce", "cross_entropy"]
    class_mix: Literal["dev", "train"]
    operating_point: OperatingPoint
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
            raise ValueError("softening: found softmax and one label, expected sigmoid: softmax would always be 1")
        if self.hard_loss == "cross_entropy" and not self.data.exclusive:
            raise ValueError("hard_loss: found cross_entropy, expected bce unless data.exclusive is true")
        if self.class_mix == "train" and not self.data.exclusive:
            raise ValueError("class_mix: found train, expected dev unless data.exclusive is true")
        unlabelled = any(source.unlabelled for source in self.data.sources) or self.data.labelled_fraction < 1
        if self.softening == "softmax" and unlabelled and not self.data.exclusive:
            raise ValueError(f"softening: found softmax and images without labels, expected sigmoid: {UNTAUGHT}")
        self._check_maps()
        for name, network in {"assistant": self.assistant, "student": self.student}.items():
            self._check_weights(name, network.weights)
        self.operating_point.check(self.data.labels, exclusive=self.data.exclusive)
        self._check_external()
        return self

    def _check_maps(self) -> None:
        """Refuse more cells than the student's last feature map has pixels: pooling would repeat some."""
        side = (self.data.size + 1) // 2 // 2 // 2  # a stride of 2, then pooling by 2 twice
        for key, cells in {"features.grid": self.features.grid, "student.head": self.student.head}.items():
            if cells > side:
                expected = f"at most {side}, as the student's last feature map of {self.data.size} px images has"
                raise ValueError(f"{key}: found {cells}, expected {expected}")

    def _check_external(self) -> None:
        taken = {PurePosixPath(source.folder): "data.sources" for source in self.data.sources}
        taken[PurePosixPath()] = "the study itself"
        for source in self.external:
            folder, where = PurePosixPath(source.folder), f"external: {source.folder}"
            if folder in taken:
                raise ValueError(f"{where}: found a folder of {taken[folder]}, expected one that names the source")
            if source.unlabelled:
                raise ValueError(f"{where}: found unlabelled: true, expected labels to score by")
            _refuse_unknown(labels_named(source), self.data.labels, where)
            taken[folder] = "external"

    def _check_weights(self, name: str, weights: Weights) -> None:
        if self.softening == "softmax" and not (self.data.exclusive or weights.hard):
            raise ValueError(f"{name}.weights.hard: found 0, expected more, or softening: sigmoid: {UNTAUGHT}")
        if self.lesson == "any_view" and weights.feature:
            reason = "feature maps belong to a cached view"
            raise ValueError(f"{name}.weights.feature: found {weights.feature}, expected 0 with any_view: {reason}")


class Compute(Section):
    """How training is computed."""

    precision: Literal["auto", "float32", "bfloat16"]
    channels_last: bool
    compile: bool


class Params(Section):
    """The whole file."""

    study: str
    temperature: Annotated[int, Field(ge=1, le=1000)]
    learn_from: Literal["labels", "teacher", "assistant"]
    seed: Seed
    student_seed: Seed
    compute: Compute
    phantom: Phantom
    studies: dict[str, Study]

    @field_validator("studies")
    @classmethod
    def _are_names(cls, studies: dict[str, Study]) -> dict[str, Study]:
        for name in studies:
            if not re.fullmatch(r"[\w-]+", name):  # DVC would say that the study's parameters are missing
                raise ValueError(f"found a study named {name!r}, expected letters, digits, - and _ alone")
        return studies


def _refuse_unknown(named: Iterable[str], labels: list[str], where: str) -> None:
    for name in named:
        if name not in labels:
            raise ValueError(f"{where}: found label {name!r}, expected one of {', '.join(labels)}")
