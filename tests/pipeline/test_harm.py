"""Files that are gone, cut, changed or of another study: one line that names them, and nothing is overwritten.

Every stage meets every kind of harm in every kind of file that it reads.
"""

import shutil
from hashlib import sha256
from pathlib import Path

import h5py
import pytest

from rayling.common.errors import BadInput
from rayling.storage import arrays
from stages import (
    cases,
    controls,
    dump,
    evaluate,
    export,
    latency,
    quantise,
    report,
    train_assistant,
    train_controls,
    train_student,
    train_teacher,
)

KEPT = ("data", "metrics", "plots", "params.yaml", "rayling", "stages")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file, but locks and byte code."""
    files = [file for top in KEPT for file in [folder / top, *(folder / top).rglob("*")] if file.is_file()]
    names = {str(file.relative_to(folder)): file for file in files}
    names = {name: file for name, file in names.items() if ".locks" not in name and "__pycache__" not in name}
    return {name: sha256(file.read_bytes()).hexdigest() for name, file in names.items()}


@pytest.fixture(scope="module")
def copied(finished, tmp_path_factory):
    """A copy of the finished study's files, and their digests."""
    folder = tmp_path_factory.mktemp("harm")
    for name in KEPT[:4]:
        source = finished[0] / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
    return folder, digests(folder)


@pytest.fixture
def study(copied, finished, monkeypatch):
    """A finished study to do harm to, in the present folder; mended afterwards."""
    folder, whole = copied
    monkeypatch.chdir(folder)
    yield folder
    found = digests(folder)
    for name in found.keys() - whole.keys():
        (folder / name).unlink()
    for name in {name for name in whole if found.get(name) != whole[name]}:
        (folder / name).unlink(missing_ok=True)
        shutil.copy(finished[0] / name, folder / name)


def deleted(path: Path):
    path.unlink()


def cut(path: Path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path):
    path.write_bytes(b"")


def flipped_in_header(path: Path):
    whole = bytearray(path.read_bytes())
    whole[20] ^= 1
    path.write_bytes(whole)


def flipped_in_ids(path: Path):
    whole = path.read_bytes()
    with h5py.File(path) as file:
        groups = [file] if "image_id" in file else file.values()
        ids = [group["image_id"][...].tobytes() for group in groups]
    for text in ids:
        place = whole.index(text)
        whole = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    path.write_bytes(whole)


def of_another_study(path: Path):
    """Images of other names; all else is the same."""
    with h5py.File(path, "r+") as file:
        group = file.get("train", file)
        ids = group["image_id"][...][::-1]
        del group["image_id"]
        arrays.write_array(group, "image_id", ids)
        if "study" in file.attrs:
            arrays.write_attributes(file, study="another")


def of_other_labels(path: Path):
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            arrays.write_attributes(file, labels=["A", "B", "C"])
        return
    whole = path.read_bytes()
    assert b"Cardiomegaly" in whole
    path.write_bytes(whole.replace(b"Cardiomegaly", b"Cardiomegalo"))


ALWAYS = (deleted, cut, emptied)
HDF5 = (*ALWAYS, flipped_in_header, flipped_in_ids, of_another_study, of_other_labels)
TENSORS = (*ALWAYS, flipped_in_header)
# Kinds of file, each with a reader of its own, and what harm it sees; a shorter curve is a curve, too
KINDS = {
    "prepared": HDF5,
    "dump": HDF5,
    "weights": (*TENSORS, of_other_labels),
    "controls": TENSORS,
    "calibration": (*ALWAYS, of_other_labels),
    "predictions": ALWAYS,
    "scores": (*ALWAYS, of_other_labels),
    "numbers": ALWAYS,
    "curve": (deleted, emptied),
    "onnx": ALWAYS,
    "picture": (*ALWAYS, flipped_in_header),
}
STUDENT = {"weights": "data/models/student.safetensors", "calibration": "data/models/student.calibration.json"}
SCORES = {"scores": "metrics/student.json"}
READS = {  # besides data/prepared.h5
    "dump teacher": (lambda: dump.main("teacher"), {"weights": "data/models/teacher.safetensors"}),
    "dump assistant": (lambda: dump.main("assistant"), {"weights": "data/models/assistant.safetensors"}),
    "train_teacher": (train_teacher.main, {}),
    "train_assistant": (train_assistant.main, {"dump": "data/dumps/teacher.h5"}),
    "train_student": (train_student.main, {"dump": "data/dumps/assistant.h5"}),
    "train_controls": (train_controls.main, {}),
    "evaluate": (lambda: evaluate.main("student"), {"weights": STUDENT["weights"]}),
    "export": (lambda: export.main("student"), STUDENT | SCORES),
    "quantise": (quantise.main, STUDENT | {"onnx": "data/models/student.onnx"}),
    "cases": (cases.main, STUDENT | {"predictions": "data/predictions/student.csv"}),
    "controls": (controls.main, SCORES | {"controls": "data/controls.safetensors", "numbers": "metrics/prepare.json"}),
    "latency": (latency.main, {"onnx": "data/models/student.onnx"}),
    "report": (
        report.main,
        SCORES | {"numbers": "metrics/export.json", "curve": "plots/training/student.csv"}
        | {"picture": "plots/evaluation/student/roc.png"},
    ),
}  # fmt: skip
OWN = {"latency", "report"}  # who does not read data/prepared.h5
UNAWARE = {  # who reads nothing that prepared data of other labels, or of another study, could disagree with
    of_other_labels: ("train_teacher", "train_controls"),
    of_another_study: ("train_teacher", "train_controls", "controls"),
}


def every_harm():
    """Each stage with each harm to each file that it reads."""
    for stage, (_, files) in READS.items():
        for kind, file in (files | ({} if stage in OWN else {"prepared": "data/prepared.h5"})).items():
            for harm in KINDS[kind]:
                if kind != "prepared" or stage not in UNAWARE.get(harm, ()):
                    yield pytest.param(stage, file, harm, id=f"{stage}-{Path(file).name}-{harm.__name__}")


@pytest.mark.parametrize(("stage", "file", "harm"), list(every_harm()))
def test_a_harmed_file_is_named_in_one_line_and_nothing_is_overwritten(study, stage, file, harm):
    harm(study / file)
    before = digests(study)
    with pytest.raises(BadInput) as caught:
        READS[stage][0]()
    said = str(caught.value)
    assert "\n" not in said
    assert file in said or harm in (flipped_in_ids, of_another_study, of_other_labels)  # then whoever disagrees with it
    assert digests(study) == before
