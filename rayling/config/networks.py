"""The blocks of `params.yaml` that describe teacher, assistant and student, and their training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rayling.config.section import Count, NotNegative, Pixels, Positive, Section, Share


class Training(Section):
    """Training with Adam, as in the paper (section 4), for every network."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=2)]
    lr: Positive
    weight_decay: NotNegative
    schedule: Literal["constant", "cosine"]


class Weights(Section):
    """The weight of each term of the loss."""

    hard: NotNegative
    soft: NotNegative
    feature: NotNegative


class FineTuning(Section):
    """How the weights of a backbone change in training; what suits pretrained ones differs from what random ones need.

    `backbone_lr` is the learning rate of all but the last layer, as a share of `lr`; `warmup` is the share of the steps
    over which the rates rise from zero; `frozen_batch_norm` keeps the means and variances of batch norm.
    """

    backbone_lr: Annotated[float, Field(gt=0, le=1)]
    warmup: Share
    frozen_batch_norm: bool


class Teacher(Training):
    """One timm backbone or an ensemble of several.

    A frozen backbone is not trained: its features are computed once, and a linear layer is fitted to them. `freeze` is
    one value for all backbones or one for each. With two `folds` or more, the soft labels of an image come from a
    network that was trained on the other folds of the patients.
    """

    size: Pixels
    backbones: Annotated[list[str], Field(min_length=1)]
    pretrained: bool
    freeze: bool | list[bool]
    folds: Annotated[int, Field(ge=1, le=100)]
    fine_tuning: FineTuning

    @model_validator(mode="after")
    def _agrees(self) -> "Teacher":
        frozen = self.freeze if isinstance(self.freeze, list) else [self.freeze] * len(self.backbones)
        if len(frozen) != len(self.backbones):
            raise ValueError(f"freeze: found {len(frozen)} values, expected one, or one for each of the backbones")
        if any(frozen) and not self.pretrained:
            raise ValueError("freeze: found true with pretrained: false, expected pretrained: true")
        return self


class Assistant(Training):
    """One timm backbone, trained on the labels and the teacher's outputs."""

    size: Pixels
    backbone: str
    pretrained: bool
    fine_tuning: FineTuning
    weights: Weights


class Student(Training):
    """The paper's three blocks, trained on the labels and the outputs of `learn_from`.

    `head` is the grid of averages, so many cells each way, between the third block and the linear layer. With
    `standardise` it brings each image to mean 0 and deviation 1, so that exposure and contrast tell it nothing.
    """

    head: Annotated[int, Field(ge=1, le=8)]
    standardise: bool
    wasserstein: Literal["channels", "activations"]
    directions: Count  # random directions of the sliced Wasserstein distance
    weights: Weights
