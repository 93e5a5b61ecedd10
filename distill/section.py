"""What every block of `params.yaml` is made of."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=32, le=8192)]  # a side
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0)]


def _stays_below(path: str) -> str:
    # What lies elsewhere DVC would not see change.
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
        raise ValueError(f"found {path!r}, expected a path that stays below its folder, with forward slashes")
    return path


Below = Annotated[str, AfterValidator(_stays_below)]


class Section(BaseModel):
    """A block of `params.yaml`: no key without a default may be missing, none be unknown; `20.0` is no integer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
