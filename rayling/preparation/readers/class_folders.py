"""One folder per class: Kermany et al. 2018 as on Kaggle (`chest_xray`), or any set of that layout."""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from rayling.common.errors import BadInput
from rayling.images import reading
from rayling.preparation.identities import composed
from rayling.preparation.readers import label_mapping

# The patient is the id in the file name. `person10` is taken for one patient in `_bacteria_` and in `_virus_`, in train
# and in test. The authors do not say, and the pixels suggest two patients; but merging two costs little, and splitting
# one leaks. `NORMAL2-IM-0383` is another id than `IM-0383`, and the pixels agree: for 211 shared numbers the images are
# as alike as those of different patients (median correlation 0.73; 0.76 between two of one id). The authors' own
# release (Mendeley Data) writes `BACTERIA-<patient>-<image>`.
KERMANY_PATIENT = re.compile(r"(person\d+)_|((?:NORMAL2-)?IM-\d+)-|(?:NORMAL|BACTERIA|VIRUS)-(\d+)-")


def class_folders(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read `root/[train|val|test]/<folder>/*.jpeg`, or `root/<folder>/*.jpeg`; for `<folder>/images/` see below.

    `classes` maps a folder, or a part of one by file name (`PNEUMONIA/virus`), to a label; other folders are ignored.
    The folder `test` is split "test". Kermany's `val` has 16 images and is split anew together with `train`. An image
    whose name is not Kermany's is a patient of its own. In the COVID-19 Radiography Database the images of a class are
    in `<folder>/images/`, and masks of the lungs, which are not read, in `<folder>/masks/`. Without `labels` and
    `classes`, all images below `root` count. Raises `BadInput` for a missing root and for a class that is no label or
    has no image.
    """
    root, classes = Path(root), label_mapping.checked_classes(classes, labels)
    if not root.is_dir():
        what = f"class folders in it: {', '.join(classes)}" if classes else "images in it"
        raise BadInput(f"{root}: no such folder; expected {what}")
    tops = {name for name in ("train", "val", "test") if (root / name).is_dir()} or {"."}
    images = [PurePosixPath(image) for image in reading.utf8_image_files(root)]
    images = [image for image in images if image.parent.name != "masks"]
    inside = [image for image in images if str(_folder(image).parent) in tops]
    keys = {image: key for image in inside if (key := _class_of(image, classes))}
    keys = keys if classes else dict.fromkeys(images, "")
    present = {composed(folder.name) for top in tops for folder in (root / top).iterdir() if folder.is_dir()}
    label_mapping.refuse_absent(classes, set(keys.values()), present, f"{root}: found no image of class")
    return label_mapping.table(
        [str(image) for image in keys],
        patient=[_patient(image) for image in keys],
        split=["test" if image.parts[0] == "test" and "test" in tops else "" for image in keys],
        **label_mapping.columns([{key} for key in keys.values()], classes=classes, labels=labels),
    )


def _class_of(image: PurePosixPath, classes: dict[str, str]) -> str | None:
    """Return the key of `classes` for this file; `PNEUMONIA/virus` comes before `PNEUMONIA`."""
    kind = re.search("bacteria|virus", image.stem.lower())
    name = composed(_folder(image).name)
    keys = [f"{name}/{kind[0]}"] if kind else []
    return next((key for key in [*keys, name] if key in classes), None)


def _folder(image: PurePosixPath) -> PurePosixPath:
    """Return the folder of the image's class."""
    return image.parent.parent if image.parent.name == "images" else image.parent


def _patient(image: PurePosixPath) -> str:
    match = KERMANY_PATIENT.match(image.stem)
    return match[match.lastindex] if match else str(image)
