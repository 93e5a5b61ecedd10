"""The key `operating_point` of a study: by what the thresholds are chosen on dev."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rayling.config.section import Section

Rate = Annotated[float, Field(gt=0, lt=1)]


class OperatingPoint(Section):
    """Exactly one of these keys; None stands for a key that is not there.

    `f1: max` for the best F1; the `sensitivity` or the `specificity` that each label must reach; `thresholds` of the
    user's own, one for each label. Classes that exclude one another have `answer: most_probable`.
    """

    f1: Literal["max"] | None = None
    sensitivity: Rate | None = None
    specificity: Rate | None = None
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] | None = None
    answer: Literal["most_probable"] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "OperatingPoint":
        if len(self.model_fields_set) != 1 or len(self.chosen) != 1:
            found = ", ".join(sorted(self.model_fields_set)) or "none"
            raise ValueError(f"found {found}, expected one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def chosen(self) -> dict:
        """The one key with its value, as it stands in the file."""
        return self.model_dump(exclude_none=True)

    def check(self, labels: list[str], *, exclusive: bool) -> None:
        """Raise ValueError unless it suits the labels of the study."""
        if exclusive != bool(self.answer):
            expected = "answer: most_probable" if exclusive else "one of f1, sensitivity, specificity, thresholds"
            why = "the classes exclude one another" if exclusive else "an image may have several labels"
            raise ValueError(f"operating_point: found {self.chosen}, expected {expected}: {why}")
        if self.thresholds is not None and set(self.thresholds) != set(labels):
            found, expected = ", ".join(self.thresholds) or "none", ", ".join(labels)
            raise ValueError(f"operating_point: found thresholds of {found}, expected of each label: {expected}")
