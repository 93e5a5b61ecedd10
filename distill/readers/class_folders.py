"""Kermany's set as on Kaggle, or any folders of classes."""

import re
from pathlib import Path, PurePosixPath

import pandas as pd

from distill import files
from distill.errors import BadInput
from distill.readers import findings

# The patient is the id that upstream wrote into the name. `person10` is one patient in `_bacteria_` and in
# `_virus_`, in train and in test: upstream does not say, and the pixels suggest two, but a false merge costs
# little and a false split leaks. `NORMAL2-IM-0383` is written as another id than `IM-0383`, and the pixels
# agree: for 211 shared numbers the images are as alike as strangers (median correlation 0.73; 0.76 between two
# of one id). Upstream's own release (Mendeley Data) writes `BACTERIA-<patient>-<image>`.
KERMANY_PATIENT = re.compile(r"(person\d+)_|((?:NORMAL2-)?IM-\d+)-|(?:NORMAL|BACTERIA|VIRUS)-(\d+)-")


def class_folders(root: str | Path, *, labels: list[str], classes: dict[str, str]) -> pd.DataFrame:
    """Read `root/[train|val|test]/<folder>/*.jpeg`, or `root/<folder>/*.jpeg`.

    `classes` maps a folder, or a part of one by file name (`PNEUMONIA/virus`), to a label; other folders are
    left alone. Folder `test` is split "test"; Kermany's `val` has 16 images and is dealt out with `train`.
    A name that is not Kermany's is a patient of its own. Raises `BadInput` for a missing root and a class
    that is no label or has no image.
    """
    root, classes = Path(root), findings.meanings(classes, labels)
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder; expected class folders in it: {', '.join(classes)}")
    tops = {name for name in ("train", "val", "test") if (root / name).is_dir()} or {"."}
    images = [PurePosixPath(image) for image in files.images(root)]
    inside = [image for image in images if str(image.parent.parent) in tops]
    keys = {image: key for image in inside if (key := _class_of(image, classes))}
    present = {folder.name for top in tops for folder in (root / top).iterdir() if folder.is_dir()}
    findings.refuse_absent(classes, set(keys.values()), present, f"{root}: found no image of class")
    return findings.table(
        [str(image) for image in keys],
        patient=[_patient(image) for image in keys],
        split=["test" if image.parts[0] == "test" and "test" in tops else "" for image in keys],
        **findings.columns([{key} for key in keys.values()], classes=classes, labels=labels),
    )


def _class_of(image: PurePosixPath, classes: dict[str, str]) -> str | None:
    """The key of `classes` for this file; `PNEUMONIA/virus` before `PNEUMONIA`."""
    kind = re.search("bacteria|virus", image.stem.lower())
    keys = [f"{image.parent.name}/{kind[0]}"] if kind else []
    return next((key for key in [*keys, image.parent.name] if key in classes), None)


def _patient(image: PurePosixPath) -> str:
    match = KERMANY_PATIENT.match(image.stem)
    return match[match.lastindex] if match else str(image)
