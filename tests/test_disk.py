"""A full disk, and files that are gone, cut, changed or of something else: one line, and nothing lost."""

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import h5py
import pytest

from distill import hdf5
from distill.errors import BadInput
from stages import (
    cases,
    controls,
    curves,
    dump,
    dump_both,
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
from tests.test_opened import runs
from tests.tiny import LONG, environment

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# A disk of just the size that the files of the study and a part of what is to be written take
FULL = """
set -e
mount -t tmpfs -o size=1g none full
cp -a clone/. full/
cd full
rm -rf $OUTS
mount -o remount,size=$(( $(df -B1 --output=used . | tail -1) + ROOM )) .
set +e
python -m $STAGE > ../said 2>&1
echo $? > ../status
cp -a . ../left
"""
KEPT = ("data", "metrics", "plots", "params.yaml", "distill", "stages")
SHARES = (0, 0.3, 0.6, 0.9) if LONG else (0.5,)  # of what is to be written


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file, but locks and byte code."""
    files = [file for top in KEPT for file in [folder / top, *(folder / top).rglob("*")] if file.is_file()]
    names = {str(file.relative_to(folder)): file for file in files}
    names = {name: file for name, file in names.items() if ".locks" not in name and "__pycache__" not in name}
    return {name: sha256(file.read_bytes()).hexdigest() for name, file in names.items()}


@pytest.fixture(scope="module")
def before(clone):
    """The clone without what git and DVC keep in it."""
    for name in {file.name for file in clone.iterdir()} - set(KEPT):
        shutil.rmtree(clone / name) if (clone / name).is_dir() else (clone / name).unlink()
    return clone


def mounts() -> bool:
    """Whether a disk of one's own size can be had here."""
    return shutil.which("unshare") and not subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode


@pytest.mark.skipif(not mounts(), reason="needs Linux with user namespaces, to mount a small disk")
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("stage", "outs"), [pytest.param(one.values[0], one.values[2], id=one.id) for one in runs()])
def test_a_full_disk_is_told_in_one_line_and_loses_nothing(before, tmp_path, stage, outs, share):
    (tmp_path / "full").mkdir()
    (tmp_path / "clone").symlink_to(before)
    whole = digests(before)
    written = {name for name in whole if any(name == out or name.startswith(f"{out}/") for out in outs)}
    room = 4096 * int(share * sum(-(-(before / name).stat().st_size // 4096) for name in written))
    about = environment(STAGE=stage, OUTS=" ".join(outs), ROOM=str(room))
    subprocess.run([*NAMESPACE, "sh", "-c", FULL], cwd=tmp_path, env=about, check=True)
    said, left = (tmp_path / "said").read_text().splitlines(), digests(tmp_path / "left")
    assert (tmp_path / "status").read_text() == "1\n"
    names = (
        {str(Path(name).parent / f".{Path(name).name}") for name in outs} | outs | {"data/prepare"}
    )  # where `prepare` works
    told = said[-1].startswith("error: ") and any(name in said[-1] for name in (*names, "data/checkpoints/"))
    assert told and ("No space left on device" in said[-1] or "MB free on the disk" in said[-1]), said
    assert not [line for line in said if "Traceback" in line or "Exception" in line]
    assert {name: left[name] for name in whole.keys() - written} == {
        name: whole[name] for name in whole.keys() - written
    }
    new = {name for name in left.keys() - whole.keys() if not name.startswith("data/checkpoints/")}
    assert not new
    assert all(left[name] == whole[name] for name in written & left.keys())


# files that are not what they were


@pytest.fixture
def study(finished, tmp_path, monkeypatch):
    """A finished study to do harm to, in the present folder."""
    for name in KEPT[:4]:
        source, target = finished[0] / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
        ids = hdf5.load(group, "image_id", "S", (None,))
        del group["image_id"]
        hdf5.store(group, "image_id", ids[::-1].copy())
        if "study" in file.attrs:
            hdf5.note(file, study="another")


def of_other_labels(path: Path):
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            hdf5.note(file, labels=["A", "B", "C"])
        return
    whole = path.read_bytes()
    assert b"Cardiomegaly" in whole
    path.write_bytes(whole.replace(b"Cardiomegaly", b"Cardiomegalo"))


PREPARED, TEACHERS, ASSISTANTS = "data/prepared.h5", "data/dumps/teacher.h5", "data/dumps/assistant.h5"
CONTROLS, STUDENT = "data/controls.safetensors", "data/models/student.onnx"
RUNS = {
    "train_teacher": (train_teacher.main, [PREPARED]),
    "dump teacher": (lambda: dump.main("teacher"), [PREPARED, "data/models/teacher.safetensors"]),
    "train_assistant": (train_assistant.main, [PREPARED, TEACHERS]),
    "dump assistant": (lambda: dump.main("assistant"), [PREPARED, "data/models/assistant.safetensors"]),
    "dump_both": (dump_both.main, [PREPARED, TEACHERS, ASSISTANTS]),
    "train_student": (train_student.main, [PREPARED, ASSISTANTS]),
    "train_controls": (train_controls.main, [PREPARED]),
    "controls": (
        controls.main,
        [PREPARED, CONTROLS, "metrics/student.json", "metrics/prepare.json"],
    ),
    "curves": (curves.main, ["plots/training/student.csv"]),
    "evaluate": (lambda: evaluate.main("student"), [PREPARED, "data/models/student.safetensors"]),
    "export": (lambda: export.main("student"), [PREPARED, "data/models/student.safetensors", "metrics/student.json"]),
    "quantise": (quantise.main, [PREPARED, "data/models/student.safetensors", STUDENT]),
    "latency": (latency.main, [STUDENT]),
    "cases": (cases.main, [PREPARED, "data/models/student.safetensors", "data/predictions/student.csv"]),
    "report": (report.main, ["metrics/student.json", "metrics/export.json", "plots/training.png"]),
}
HARMS = [deleted, cut, emptied, flipped_in_header, flipped_in_ids, of_another_study, of_other_labels]
UNAWARE = {of_other_labels: ("train_teacher", "train_controls")}  # who read nothing that prepared data disagree with
UNAWARE[of_another_study] = (*UNAWARE[of_other_labels], "controls")


def harmed():
    """Each stage with each harm to each file that it reads."""
    for name, (main, files) in RUNS.items():
        for file in files:
            for harm in HARMS:
                foreign = file == PREPARED and name in UNAWARE.get(harm, ())
                weights = harm in (flipped_in_ids, of_another_study) and file.endswith(".safetensors")
                told = (deleted, emptied, of_other_labels) if file == "metrics/student.json" else (deleted, emptied)
                told += (cut,) if not file.startswith("plots/training/") else ()  # a shorter curve is one, too
                told += (flipped_in_header,) if file.endswith(".png") else ()
                text = harm not in told and file.endswith((".json", ".csv", ".png", ".onnx"))
                said = harm is of_other_labels and "controls" in file
                if not (foreign or weights or text or said):
                    yield pytest.param(main, file, harm, id=f"{name}-{Path(file).stem}-{harm.__name__}")


@pytest.mark.parametrize(("main", "file", "harm"), list(harmed()))
def test_a_harmed_file_is_named_in_one_line_and_nothing_is_overwritten(study, main, file, harm):
    if main is dump_both.main:
        text = Path("params.yaml").read_text()
        Path("params.yaml").write_text(text.replace("learn_from: assistant", "learn_from: both"))
    harm(study / file)
    before = digests(study)
    with pytest.raises(BadInput) as caught:
        main()
    said = str(caught.value)
    assert "\n" not in said
    assert file in said or harm in (flipped_in_ids, of_another_study, of_other_labels)  # then whoever disagrees with it
    assert digests(study) == before
