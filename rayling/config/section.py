"""What all blocks of `params.yaml` have in common, and the ranges of their numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=32, le=8192)]  # height and width
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A block of `params.yaml`: a missing key, an unknown key, or `20.0` for an integer is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
