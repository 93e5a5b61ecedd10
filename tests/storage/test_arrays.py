"""Reading HDF5 files: a wrong byte of a small array is noticed, and a size is not believed before it is checked."""

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.storage import arrays, dumps, prepared
from rayling.storage.dumps import DumpWriter
from tests.tiny import LONG

ROOT = Path(__file__).parents[2]
NAMES = ["Kälte", "Fieber"]
IDS = np.array(["a/1.png", "ü/2.png", "患者/3.png"])
RECIPE = {"seed": 0, "count": 2, "rotate": 7.0}
LARGE = {"images", "logits", "level1", "level2", "level3"}


@pytest.fixture
def files(pack, tmp_path):
    """A prepared file, its images at another size, and a finished dump of its train images, by kind."""
    images = {split: np.full((3, 4, 4), 100, np.uint8) for split in prepared.SPLITS}
    images["train"][:, 2:] = 30
    labels = {split: np.array([[1, 0], [np.nan, 1], [0, np.nan]], np.float32) for split in prepared.SPLITS}
    dump = tmp_path / "dump.h5"
    dumps.create(
        dump, network="dump", names=NAMES, image_id=IDS, recipe=RECIPE, channels=(4, 5, 6), grid=2, weights="abc"
    )
    rng = np.random.default_rng(0)
    with DumpWriter(dump) as writer:
        maps = [rng.standard_normal((3, 2, width, 2, 2), np.float32) for width in (4, 5, 6)]
        writer.put(np.arange(3), rng.standard_normal((3, 2, 2), np.float32), maps)
    packed, pixels = pack(images, labels, strata=([0, 1, 1], [3, 2])), tmp_path / "pixels.h5"
    image_id = {split: prepared.read(packed, split).image_id for split in prepared.SPLITS}
    prepared.create_pixels(pixels, size=5, image_id=image_id, moments=(0.3, 0.2))
    for split in prepared.SPLITS:
        prepared.fill(pixels, split, [np.arange(75, dtype=np.uint8).reshape(3, 5, 5)])
    return {"prepared": packed, "pixels": pixels, "dump": dump}


def content(kind: str, path: Path) -> str:
    """All that a reader finds in a file."""
    if kind == "dump":
        dump = dumps.read(path, names=NAMES, recipe=RECIPE, image_id=IDS)
        return repr((dump.weights, dump.logits.tolist(), [level.tolist() for level in dump.levels]))
    whole = {"prepared": (path,), "pixels": (path.with_name("prepared.h5"), path)}[kind]
    splits = [prepared.read(whole[0], split, *whole[1:]) for split in prepared.SPLITS]
    return repr([{name: np.asarray(value).tolist() for name, value in vars(split).items()} for split in splits])


def places(path: Path) -> np.ndarray:
    """Which bytes of a file are not of a large array."""
    small = np.ones(path.stat().st_size, bool)

    def visit(name, found):
        if isinstance(found, h5py.Dataset) and name.split("/")[-1] in LARGE:
            first = found.id.get_offset()
            small[first : first + found.nbytes] = False

    with h5py.File(path) as file:
        file.visititems(visit)
    return np.flatnonzero(small)


@pytest.mark.parametrize("kind", ["prepared", "pixels", "dump"])
def test_a_flipped_byte_outside_the_large_arrays_is_noticed_or_changes_nothing(files, kind):
    path = files[kind]
    good, whole = content(kind, path), path.read_bytes()
    flipped, refused = bytearray(whole), 0
    for place in places(path) if LONG else places(path)[::9]:
        flipped[place] ^= 0x55
        path.write_bytes(flipped)
        flipped[place] = whole[place]
        try:
            assert content(kind, path) == good, place
        except BadInput as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 100


@pytest.mark.parametrize("kind", ["prepared", "pixels", "dump"])
def test_a_file_truncated_anywhere_is_refused(files, kind):
    whole = files[kind].read_bytes()
    for length in range(0, len(whole), 97):
        files[kind].write_bytes(whole[:length])
        with pytest.raises(BadInput, match=str(files[kind])):
            content(kind, files[kind])


def with_another_type(file):
    del file["done"]
    file["done"] = np.ones(3, np.uint8)


def with_another_shape(file):
    del file["logits"]
    file.create_dataset("logits", (3, 2, 3), "f4")


def compressed(file):
    del file["level1"]
    file.create_dataset("level1", (3, 2, 4, 2, 2), "f2", compression="gzip")


def in_one_large_piece(file):
    del file["image_id"]
    file.create_dataset("image_id", (3,), "S9", chunks=(2**26,), maxshape=(None,), compression="gzip")


def in_another_file(file):
    del file["level1"]
    file["level1"] = h5py.ExternalLink("prepared.h5", "/train/images")


def behind_a_soft_link(file):
    file.move("level1", "other")
    file["level1"] = h5py.SoftLink("/other")


def stored_elsewhere(file):
    del file["level1"]
    file.create_dataset("level1", (3, 2, 4, 2, 2), "f2", external=[("/etc/passwd", 0, 192)])


def virtual(file):
    del file["level1"]
    layout = h5py.VirtualLayout((3, 2, 4, 2, 2), "f2")
    file.create_virtual_dataset("level1", layout)


def larger_than_the_disk(file):
    del file["image_id"]
    file.create_dataset("image_id", (2**40,), "S64", chunks=(2**10,))


def with_many_levels(file):
    arrays.write_attributes(file, levels=2**60)


def with_a_broken_recipe(file):
    arrays.write_attributes(file, recipe="[" * 100_000)


def with_a_list_for_a_recipe(file):
    arrays.write_attributes(file, recipe="[2]")


def with_a_nested_recipe(file):
    arrays.write_attributes(file, recipe='{"count": 2, "rotate": ' + 900 * "[" + 900 * "]" + "}")


def with_a_fraction_of_a_view(file):
    arrays.write_attributes(file, recipe='{"count": 2.5}')


def without_names(file):
    del file.attrs["labels"]


def with_a_number_for_names(file):
    file.attrs["labels"] = 3


@pytest.mark.parametrize(
    "damage",
    [
        with_another_type,
        with_another_shape,
        compressed,
        in_one_large_piece,
        in_another_file,
        behind_a_soft_link,
        stored_elsewhere,
        virtual,
        larger_than_the_disk,
        with_many_levels,
        with_a_broken_recipe,
        with_a_list_for_a_recipe,
        with_a_nested_recipe,
        with_a_fraction_of_a_view,
        without_names,
        with_a_number_for_names,
    ],
)
def test_a_dump_with_a_wrong_part_is_refused_in_one_line(files, damage):
    with h5py.File(files["dump"], "r+") as file:
        damage(file)
    with pytest.raises(BadInput) as caught:
        content("dump", files["dump"])
    message = str(caught.value)
    assert str(files["dump"]) in message and "\n" not in message and len(message) < 500


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stratum", np.array([0, 1]), "train/stratum: found int64 (2,), expected int64 (3,)"),
        ("labels", np.full((3, 2), 0.5, np.float32), "labels that are not 0, 1 or NaN"),
        ("labels", np.zeros((3, 3), np.float32), "train/labels: found float32 (3, 3), expected float32 (3, 2)"),
        ("source", np.array(["a", "b"]), "train/source: found |S1 (2,), expected S (3,)"),
    ],
)
def test_a_prepared_file_of_impossible_values_is_refused(files, name, value, message):
    with h5py.File(files["prepared"], "r+") as file:
        del file[f"train/{name}"]
        arrays.write_array(file["train"], name, value)
    with pytest.raises(BadInput) as caught:
        prepared.read(files["prepared"], "train")
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", [str, list, int, float])
def test_an_attribute_of_another_type_is_refused(tmp_path, kind):
    with arrays.create(tmp_path / "file.h5") as file:
        arrays.write_attributes(file, str="text", list=["a"], int=3, float=0.5)
        file.attrs.update(table=np.zeros((2, 2)), text="of any width", nothing=h5py.Empty("f"), truth=True)
    accepted = {kind.__name__, "int"} if kind is float else {kind.__name__}
    with h5py.File(tmp_path / "file.h5") as file:
        for name in {*file.attrs, "absent"} - accepted:
            with pytest.raises(BadInput, match=rf"file\.h5: attribute {name}: .+; expected {kind.__name__}$"):
                arrays.read_attribute(file, name, kind)


@pytest.mark.parametrize("error", [TypeError, AttributeError, RuntimeError, KeyError, ValueError, OSError])
def test_an_error_of_the_caller_is_not_called_a_bad_file(files, error):
    opened = arrays.open_checked(files["dump"], version=dumps.FORMAT, expected="a dump")
    with pytest.raises(error, match="a bug") as caught, opened:
        raise error("a bug")
    assert type(caught.value) is error
    assert caught.traceback[-1].path == Path(__file__)


def test_a_file_that_claims_a_terabyte_takes_no_memory(files):
    with h5py.File(files["prepared"], "r+") as file:
        del file["train/image_id"], file["train/labels"]
        file["train"].create_dataset("image_id", (2**30,), "S1000", chunks=(1000,))
        file["train"].create_dataset("labels", (2**30, 2), "f4", chunks=(1000, 2))
    shutil.copy(files["prepared"], files["prepared"].parent / "huge.h5")
    code = "import resource, sys\nfrom rayling.storage import prepared\n"
    code += "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    code += "try: prepared.read(sys.argv[1], 'train')\nexcept Exception as error: print(type(error).__name__)\n"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    command = [sys.executable, "-c", code, str(files["prepared"].parent / "huge.h5")]
    kind, more = subprocess.check_output(command, cwd=ROOT, text=True).split()
    assert kind == "BadInput"
    assert int(more) * (1 if sys.platform == "darwin" else 1024) < 50e6
