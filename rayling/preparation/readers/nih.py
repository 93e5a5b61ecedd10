"""NIH ChestX-ray14 (Wang et al. 2017): findings joined by `|`, or `No Finding`."""

from pathlib import Path, PurePosixPath

import pandas as pd

from rayling.common.errors import BadInput
from rayling.images import reading
from rayling.preparation import csv_table, identities
from rayling.preparation.readers import attributes, label_mapping

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
TRAIN_LISTS = ("train_val_list.txt", "train_val_list_NIH.txt")  # of the full set; of copies of it
TEST_LISTS = ("test_list.txt", "test_list_NIH.txt")
ATTRIBUTES = ("Patient Age", "Patient Gender", "Patient Sex", "View Position")  # Sex in later copies of the new table
FINDINGS = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia"}
FINDINGS |= {"Infiltration", "Mass", "No Finding", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax"}


def nih(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read `root/Data_Entry_2017[_v2020].csv`; images lie anywhere below `root` (`images/`, `images_001/images/`...).

    `classes` maps findings to labels; if it is empty, each label is a finding. The official test list is split "test";
    if there is only a train list, all other images are. Sex, age and view are optional. Raises `BadInput` for a missing
    table or other column, an unknown finding, one that no image has, and lists that contradict each other or the table.
    """
    root, classes = Path(root), label_mapping.checked_classes(classes, labels)
    table = next((root / name for name in TABLES if (root / name).is_file()), root / TABLES[-1])
    cells = csv_table.read(table, columns=["Image Index", "Finding Labels", "Patient ID"], optional=ATTRIBUTES)
    names = csv_table.checked_paths(cells, "Image Index")
    patient = identities.patients(cells["Patient ID"])
    for column, values in {"Finding Labels": cells["Finding Labels"], "Patient ID": patient}.items():
        csv_table.refuse(cells, values == "", column, "a name")
    found = cells["Finding Labels"].map(lambda text: {name.strip() for name in text.split("|")})
    unknown = found.map(lambda names: bool(names - FINDINGS - set(classes))).astype(bool)
    csv_table.refuse(cells, unknown, "Finding Labels", f"names out of {', '.join(sorted(FINDINGS))}, joined by |")
    present = set().union(*found)
    label_mapping.refuse_absent(classes, present, present, f"{table}: found no image with finding")
    sex = cells["Patient Gender"].where(cells["Patient Gender"] != "", cells["Patient Sex"])
    # in reverse, so that of two files with one name the first remains
    place = {PurePosixPath(path).name: path for path in reversed(reading.utf8_image_files(root))}
    return label_mapping.table(
        [place.get(name, f"images/{name}") for name in names],
        patient=patient,
        split=_official(root, names),
        **attributes.columns(sex=sex, age=cells["Patient Age"], view=cells["View Position"]),
        **label_mapping.columns(found, classes=classes, labels=labels),
    )


def _official(root: Path, names: pd.Series) -> list[str]:
    """Return the split of each image by the official lists, which may name images that are not in the table."""
    train, test = (_listed(root, lists, names) for lists in (TRAIN_LISTS, TEST_LISTS))
    if train and test:
        both, neither = sorted(train & test), sorted(set(names) - train - test)
        if both or neither:
            what = f"{both[0]} is in both" if both else f"{neither[0]} is in neither"
            raise BadInput(f"{root}: the official lists of train and test: {what}, expected in one of the two")
    if train and not test:
        test = set(names) - train
    return ["test" if name in test else "" for name in names]


def _listed(root: Path, lists: tuple[str, ...], names: pd.Series) -> set[str]:
    """Return the images in the first of `lists` that exists, without their folders; empty if none does."""
    file = next((root / name for name in lists if (root / name).is_file()), None)
    if file is None:
        return set()
    try:
        listed = {PurePosixPath(line.strip()).name for line in file.read_text("utf-8-sig").splitlines()} - {""}
    except UnicodeDecodeError as error:
        raise BadInput(f"{file}: found {error}; expected a list of images in UTF-8") from error
    if listed.isdisjoint(names):
        raise BadInput(f"{file}: found no image of the table in it, expected one a line, as {names.iloc[0]}")
    return listed
