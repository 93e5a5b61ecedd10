"""`arrays.create`: an OSError if the disk is full, and with `atomic` a file that is whole or absent."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rayling.common.atomic import atomic
from rayling.storage import arrays, dumps, prepared
from rayling.storage.arrays import OutputFile

ROOT = Path(__file__).parents[2]
IMPORTS = "import errno, io, json, os, resource, signal, sys\nimport numpy as np\n"
IMPORTS += "from rayling.common.atomic import atomic\nfrom rayling.storage import arrays\n"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# A disk of 64 pages on which a file of some 26 pages has to find room
FULL_DISK = """
ids, found = np.array([f"{number:032}" for number in range(3_000)]), []
for free in range(0, 64, 3):
    with open("ballast", "wb") as ballast:
        ballast.write(bytes(4096 * (64 - free)))
    try:
        with atomic("file.h5") as partial, arrays.create(partial) as file:
            arrays.allocate(file, "images", (100_000, 64, 64), "uint8")
            arrays.write_array(file, "image_id", ids)
        found.append("written")
    except OSError as error:
        found.append([error.errno, error.filename])
    found[-1] = [found[-1], sorted(os.listdir())]
    for name in os.listdir():
        os.unlink(name)
print(json.dumps(found))
"""
# Each write and each change of the size fails in turn, from some point on
FAILURES = """
def create(first):
    calls = 0
    def failing(method):
        def call(self, argument):
            nonlocal calls
            calls += 1
            if calls > first:
                raise KINDS(errno.ENOSPC, "No space left on device")
            return method(self, argument)
        return call
    disk = type("Disk", (io.FileIO,), {name: failing(getattr(io.FileIO, name)) for name in METHODS})
    arrays.OutputFile = type("File", (OutputFile, disk), {})  # so that `super()` in the former is the latter
    try:
        with atomic("file.h5") as partial, arrays.create(partial) as file:
            arrays.write_attributes(file, format=3, labels=["a"])
            arrays.write_array(file, "image_id", np.arange(5_000))
            arrays.allocate(file, "images", (10, 64, 64), "uint8")
            arrays.allocate(file, "done", (10,), "bool")[...] = False
    except KINDS as error:
        return [type(error).__name__, calls, os.listdir()]
    return ["written", calls, os.listdir()]

found, first, OutputFile = [], 0, arrays.OutputFile
while not found or found[-1][0] != "written":
    found.append(create(first))
    first += 1
print(json.dumps(found))
"""


def run(code: str, folder: Path, *, before=()) -> subprocess.CompletedProcess:
    """Run Python in `folder`: a process of its own may end by a segmentation fault."""
    command = [*before, sys.executable, "-c", IMPORTS + code]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def mounts() -> bool:
    """Whether this user may mount a disk of any size."""
    return shutil.which("unshare") and not subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode


@pytest.mark.skipif(not mounts(), reason="needs Linux with user namespaces, to mount a small disk")
def test_a_full_disk_is_an_os_error_that_names_the_file(tmp_path):
    mount = ["sh", "-c", 'mount -t tmpfs -o size=256k none . && cd "$PWD" && exec "$@"', "sh"]
    done = run(FULL_DISK, tmp_path, before=[*NAMESPACE, *mount])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    refused = [[[errno.ENOSPC, "file.h5"], ["ballast"]]]
    written = [["written", ["ballast", "file.h5"]]]
    count = found.index(*written)
    assert 5 < count < 15
    assert found == count * refused + (len(found) - count) * written


@pytest.mark.parametrize("methods", [["write"], ["truncate"], ["write", "truncate"]])
@pytest.mark.parametrize("kind", ["OSError", "KeyboardInterrupt"])
def test_an_error_of_any_write_is_raised_in_the_end_and_leaves_no_file(tmp_path, kind, methods):
    done = run(FAILURES.replace("KINDS", kind).replace("METHODS", str(methods)), tmp_path)
    assert done.returncode == 0, done.stderr
    *failed, last = json.loads(done.stdout)
    assert len(failed) >= (8 if "write" in methods else 1)
    assert all(name == kind and not files for name, _, files in failed)
    assert last == ["written", len(failed), ["file.h5"]]
    assert not done.stderr


def test_a_killed_process_leaves_the_file_of_before(tmp_path):
    code = """
with atomic("file.h5") as partial, arrays.create(partial) as file:
    arrays.write_array(file, "image_id", np.arange(50_000))
    file.flush()
    if os.path.exists("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "kill").touch()
    assert run(code, tmp_path).returncode == -signal.SIGKILL
    assert not (tmp_path / "file.h5").exists()
    (tmp_path / "file.h5").write_text("of before")
    assert run(code, tmp_path).returncode == -signal.SIGKILL
    assert (tmp_path / "file.h5").read_text() == "of before"
    (tmp_path / "kill").unlink()
    assert run(code, tmp_path).returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["file.h5"]  # what the killed one had begun is gone


def test_an_error_in_the_block_leaves_the_file_of_before(tmp_path):
    path = tmp_path / "file.h5"
    path.write_text("of before")
    with pytest.raises(ZeroDivisionError), atomic(path) as partial, arrays.create(partial) as file:
        arrays.write_attributes(file, count=1 // 0)
    assert path.read_text() == "of before" and len(list(tmp_path.iterdir())) == 1


def test_an_error_names_the_file(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(arrays, "OutputFile", type("File", (OutputFile, Full), {}))
    with pytest.raises(OSError, match=r"No space left on device: '.*/file\.h5'"), arrays.create(tmp_path / "file.h5"):
        pass


def test_a_file_of_a_terabyte_takes_neither_memory_nor_disk(tmp_path):
    code = """
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with arrays.create("file.h5") as file:
    arrays.allocate(file, "images", (2**28, 64, 64), "uint8")
    arrays.allocate(file, "done", (2**20,), "bool")[...] = False
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * (1 if sys.platform == "darwin" else 1024) < 20e6
    found = (tmp_path / "file.h5").stat()
    assert found.st_size > 2**40 and found.st_blocks * 512 < 2**20 + 10 * 2**16


def test_random_reads_and_writes_are_those_of_a_file(tmp_path):
    rng, ours, plain = np.random.default_rng(0), OutputFile(tmp_path / "file", "w+"), io.BytesIO()
    for _ in range(2000):
        whence = int(rng.integers(3))
        places = {io.SEEK_SET: rng.integers(200), io.SEEK_CUR: rng.integers(20), io.SEEK_END: -rng.integers(5)}
        if len(plain.getbuffer()) < 5:
            whence = io.SEEK_SET
        assert ours.seek(int(places[whence]), whence) == plain.seek(int(places[whence]), whence) == ours.tell()
        if rng.integers(2):
            content = rng.bytes(int(rng.integers(60)))
            assert ours.write(content) == plain.write(content)
        else:
            count = int(rng.integers(60))
            assert ours.read(count) == plain.read(count)
    ours.close()
    assert (tmp_path / "file").read_bytes() == plain.getvalue()


def test_a_write_of_which_the_disk_takes_a_part_goes_on(tmp_path):
    class AlmostFull(io.FileIO):
        def write(self, content):
            return super().write(content[:3])

    class File(OutputFile, AlmostFull):  # so that `super()` in the former is the latter
        pass

    with File(tmp_path / "file", "w+") as file:
        assert file.write(b"ten bytes.") == 10
    assert (tmp_path / "file").read_bytes() == b"ten bytes."


def test_attributes_are_read_as_they_were_written(tmp_path):
    written = {"text": "Größe 画像", "none": "", "several": ["a", "", "ü"], "one": ["x"], "count": 3, "share": 0.1}
    with arrays.create(tmp_path / "file.h5") as file:
        arrays.write_attributes(file, **written)
        found = {name: arrays.read_attribute(file, name, type(value)) for name, value in written.items()}
    assert found == written and [type(value) for value in found.values()] == [type(v) for v in written.values()]


@pytest.mark.parametrize("length", range(1, 9))
def test_large_arrays_are_aligned_whatever_comes_before_them(tmp_path, length):
    ids, path = np.array(["x" * length] * 3), tmp_path / "file.h5"
    dumps.create(path, names=["y" * length], image_id=ids, recipe={"count": 2}, channels=(1, 3, 5), grid=length)
    dump = dumps.Dump(path)
    columns = dict.fromkeys(prepared.COLUMNS, ids) | dict.fromkeys(("sex", "view"), [""] * 3)
    columns |= {"labels": np.zeros((3, 2)), "age": np.zeros(3)}
    about = {
        "study": "x" * length,
        "names": ["a", "b"],
        "exclusive": True,
        "size": length,
        "columns": dict.fromkeys(prepared.SPLITS, columns),
    }
    strata = np.minimum([0, 1, 1], length - 1), np.arange(length) < 2
    prepared.create(path, **about, strata=strata, moments=(0.5, 0.2))
    images = [prepared.read(path, split).images for split in prepared.SPLITS]
    for array in (dump.logits, dump.done, *dump.levels, *images):
        assert array.offset % arrays.ALIGNMENT == array.ctypes.data % arrays.ALIGNMENT == 0 and array.flags.aligned
