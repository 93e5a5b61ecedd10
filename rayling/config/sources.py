"""The sources of a study in `params.yaml`: which reader reads which folder, and what its classes are in the study."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from rayling.config.section import Section

READERS = ("chexpert", "class_folders", "covid_chestxray", "medmnist", "nih", "plain_csv")
# a CSV may have them under other names
COLUMNS = ("image", "patient", "split", "source", "label", "sex", "age", "view")


def _stays_below(path: str) -> str:
    # DVC would not see a change elsewhere
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path:
        raise ValueError(f"found {path!r}, expected a path below its folder, with forward slashes")
    return path


Below = Annotated[str, AfterValidator(_stays_below)]


class Layout(Section):
    """A source of images: a folder below data/raw/<study>, and the labels of its classes (folders, findings, columns).

    `classes` maps a class to a label of the study, or to "" for no label. Without it, classes have the labels' names.
    The images of an `unlabelled` source are for train, without labels: they teach through the teacher's soft labels.
    """

    folder: Below
    classes: dict[str, str] = Field(default_factory=dict)
    unlabelled: bool = False


class CheXpert(Layout):
    """CheXpert's `train.csv` and `valid.csv`; `uncertain` is the policy for -1 by label, `default` for the others."""

    reader: Literal["chexpert"]
    frontal_only: bool
    uncertain: dict[str, Literal["ignore", "ones", "zeros"]]
    blank: Literal["ignore", "zeros"]


class Classes(Layout):
    """A folder per class (Kermany), or a table of findings (covid-chestxray, NIH)."""

    reader: Literal["class_folders", "covid_chestxray", "nih"]


class MedMNIST(Layout):
    """`chestmnist[_size].npz` or `pneumoniamnist[_size].npz`."""

    reader: Literal["medmnist"]
    file: Below


class PlainCSV(Layout):
    """Any other CSV; `columns` gives its names for those in `COLUMNS`.

    `path` says where an image lies if the CSV has no more than its name, which replaces {}: `images/{}.jpeg`. With
    `all_are` every image has that label, and the CSV need not name any.
    """

    reader: Literal["plain_csv"]
    file: Below
    columns: dict[Literal[COLUMNS], str] = Field(default_factory=dict)
    path: Below = ""
    all_are: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> "PlainCSV":
        if self.path and self.path.count("{}") != 1:
            raise ValueError(f"path: found {self.path!r}, expected a path with one {{}}, as images/{{}}.png")
        if self.all_are and self.classes:
            raise ValueError(f"all_are: found {self.all_are!r} and classes too, expected one of them")
        return self


Source = Annotated[CheXpert | Classes | MedMNIST | PlainCSV, Field(discriminator="reader")]


def labels_named(source: Layout) -> list[str]:
    """The labels of the study that a source names, sorted."""
    named = {*source.classes.values(), getattr(source, "all_are", "")} - {""}
    return sorted(named | (set(source.uncertain) - {"default"} if isinstance(source, CheXpert) else set()))
