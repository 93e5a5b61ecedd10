"""What a source of images may be in `params.yaml`: one block for each kind of reader."""

from typing import Annotated, Literal

from pydantic import Field

from distill.section import Below, Section

READERS = ("chexpert", "class_folders", "covid_chestxray", "medmnist", "nih", "plain_csv")
COLUMNS = ("image", "patient", "split", "source", "label")  # that a CSV may have under another name
RESERVED = {*COLUMNS, "at", "left_out", "number", "row", "digest", "reason", "group", "images", "rank"}


class Layout(Section):
    """One source: a folder below data/raw/<study>, and what its classes (folders, findings, columns) mean.

    `classes` maps each to a label of the study, or to "" where it is none; without it the labels are the classes.
    """

    folder: Below
    classes: dict[str, str] = Field(default_factory=dict)


class CheXpert(Layout):
    """CheXpert's `train.csv` and `valid.csv`; uncertain labels (-1) by policy, `default` for the rest."""

    reader: Literal["chexpert"]
    frontal_only: bool
    uncertain: dict[str, Literal["ignore", "ones", "zeros"]]
    blank: Literal["ignore", "zeros"]


class Classes(Layout):
    """Folders of classes (Kermany), or findings of a table (covid-chestxray, NIH)."""

    reader: Literal["class_folders", "covid_chestxray", "nih"]


class MedMNIST(Layout):
    """`chestmnist[_size].npz` or `pneumoniamnist[_size].npz`."""

    reader: Literal["medmnist"]
    file: Below


class PlainCSV(Layout):
    """A CSV of one's own; `columns` says what it calls image, patient, split, source and label."""

    reader: Literal["plain_csv"]
    file: Below
    columns: dict[Literal[COLUMNS], str] = Field(default_factory=dict)


Source = Annotated[CheXpert | Classes | MedMNIST | PlainCSV, Field(discriminator="reader")]
