"""`predict`, as its user runs it: a command, on a machine without torch and dvc."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from distill import explain, images, intake, portable, weights
from distill.bar import Bar
from distill.familiar import Familiar
from distill.notice import NOTICE
from distill.onnx_model import OnnxModel
from tests.tiny import ROOT

LABELS = ["left, the", "naïve"]
FORBIDDEN = ("torch", "dvc", "pandas", "scipy", "sklearn", "h5py", "matplotlib", "pydantic", "onnx", "tqdm", "ruamel")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, four films of different kinds and two files that are none, in a folder."""
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    films = (100 + 60 * rng.random((40, 32, 32))).astype(np.uint8)
    for name, size in {"a.png": (40, 50), "deep/b.jpeg": (90, 70), "deep/c.png": (32, 32), "d.jpg": (200, 100)}.items():
        (folder / "films/deep").mkdir(parents=True, exist_ok=True)
        Image.fromarray(films[0]).resize(size).save(folder / "films" / name)
    (folder / "broken.png").write_bytes(b"no picture")
    about = {"labels": LABELS, "size": 32, "mean": 0.5, "std": 0.2, "study": "tiny", "platt": [[1.0, 0.5], [1.0, -3.0]]}
    for name, backbones in {"student": [], "teacher": ["resnet10t"]}.items():
        header = weights.Header(network=name, backbones=backbones, seed=0, **about)
        torch.manual_seed(0)
        network = weights.build(header).eval()
        model = portable.Portable(network, header, Familiar(32).fit(films[:30], films[30:]))
        facts = {
            **vars(header),
            "keep_aspect": True,
            "threshold": dict.fromkeys(LABELS, 0.5),
            "notice": NOTICE,
        }
        portable.save(folder / f"{name}.onnx", portable.exported(model, size=32), facts)
    return folder


def predict(folder, *arguments, given="", **environment):
    """The command, in an interpreter that has nothing but what it is to need."""
    (folder / "poor").mkdir(exist_ok=True)
    for name in FORBIDDEN:
        (folder / f"poor/{name}.py").write_text("raise ImportError('not installed here')")
    path = os.pathsep.join([str(folder / "poor"), str(ROOT)])
    command = [sys.executable, "-m", "distill.predict", *arguments]
    settings = {"input": given, "capture_output": True, "text": True, "encoding": "utf-8", "cwd": folder}
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path} | environment, **settings)


def expected(folder, path):
    return OnnxModel(folder / "student.onnx").answer(folder / path)


def test_a_table_is_read_by_people(folder):
    done = predict(folder, "student.onnx", "films/a.png")
    assert (done.returncode, done.stderr) == (0, "")
    first, left, naive, last = done.stdout.splitlines()[:1] + [
        line for line in done.stdout.splitlines()[1:] if "!" not in line
    ]
    probability, _ = expected(folder, "films/a.png").probabilities
    assert first == "films/a.png" and last == "Not for clinical use."
    assert left.split() == ["left,", "the", f"{probability:.1%}", "PRESENT", "(from", "50.0%)"]
    assert naive.split()[0] == "naïve" and naive.split()[2] == "absent"


def test_json_and_csv_say_the_same_in_the_order_of_the_names(folder):
    lines = predict(folder, "student.onnx", "films", "--json").stdout.splitlines()
    told = [json.loads(line) for line in lines]
    rows = list(csv.DictReader(io.StringIO(predict(folder, "student.onnx", "films", "--csv").stdout)))
    assert [one["image"] for one in told] == [
        f"films/{name}" for name in ("a.png", "d.jpg", "deep/b.jpeg", "deep/c.png")
    ]
    for one, row in zip(told, rows, strict=True):
        answer = expected(folder, one["image"])
        assert row["image"] == one["image"] and "Not for clinical use" in one["notice"] and row["notice"]
        assert one["familiar"] == bool(int(row["familiar"])) == (answer.unfamiliar <= 1)
        for label, probability in zip(LABELS, answer.probabilities, strict=True):
            found = one["findings"][label]
            assert abs(found["probability"] - probability) < 1e-6 and abs(float(row[label]) - probability) < 1e-6
            assert found["present"] == bool(int(row[f"{label} present"])) == (probability >= found["threshold"])


def test_what_can_not_be_read_is_told_and_the_others_go_on(folder):
    done = predict(folder, "student.onnx", "films/a.png", "broken.png", "absent.png", "films/d.jpg", "--csv")
    assert done.returncode == 1
    assert [row[0] for row in csv.reader(io.StringIO(done.stdout))][1:] == ["films/a.png", "films/d.jpg"]
    lines = done.stderr.splitlines()
    assert (
        len(lines) == 2 and "broken.png: found another format" in lines[0] and "absent.png: found No such" in lines[1]
    )


def test_a_list_on_standard_input_is_taken(folder):
    done = predict(folder, "student.onnx", "-", "--json", given="films/d.jpg\n\nfilms/a.png\n")
    assert [json.loads(line)["image"] for line in done.stdout.splitlines()] == ["films/d.jpg", "films/a.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.onnx", "films"], "absent.onnx: no exported network: No such file"),
        (["broken.png", "films"], "broken.png: no exported network"),
        (["student.onnx", "poor"], "poor: found no image, expected PNG"),
        (["student.onnx", "-"], "-: found no image"),
        (
            ["student.onnx", "films/a.png", "--explain", "x.png", "--beside", "absent.onnx"],
            "absent.onnx",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(folder, arguments, said):
    done = predict(folder, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {said}") and done.stderr.count("\n") == 1, done.stderr


def test_what_can_not_be_read_is_not_explained(folder):
    done = predict(folder, "student.onnx", "broken.png", "--explain", "nothing.png")
    assert done.returncode == 1 and done.stderr.startswith("error: broken.png: found another format")
    assert not (folder / "nothing.png").exists()


def test_of_two_models_beside_each_other_none_is_lost(folder):
    (folder / "other").mkdir(exist_ok=True)
    shutil.copy(folder / "teacher.onnx", folder / "other/student.onnx")
    done = predict(folder, "student.onnx", "films/a.png", "--explain", "x.png", "--beside", "other/student.onnx")
    assert done.returncode == 2 and "other/student.onnx: found a second model called 'student'" in done.stderr
    alone = predict(folder, "student.onnx", "films/a.png", "--beside", "teacher.onnx")
    assert alone.returncode == 2 and "--beside goes with --explain" in alone.stderr


@pytest.mark.parametrize("name", [b"b\xff.png", b"e\x1b]0;x\x07\nf.png", b"c\rr.png", "Ж.png".encode()])
def test_a_name_of_any_bytes_is_read_and_forges_no_line(folder, name):
    path = os.fsencode(folder) + b"/" + name
    shutil.copy(folder / "films/a.png", path)
    done = predict(folder, "student.onnx", path, "films/a.png", LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout and len(done.stdout.splitlines()) == len(
        predict(folder, "student.onnx", "films/d.jpg", "films/a.png").stdout.splitlines()
    )
    rows = list(csv.reader(io.StringIO(predict(folder, "student.onnx", path, "films/a.png", "--csv").stdout)))
    assert len(rows) == 3
    told = predict(folder, "student.onnx", path, "films/a.png", "--json").stdout.splitlines()
    assert os.fsencode(json.loads(told[0])["image"]) == path


def test_a_pipe_and_a_name_that_no_file_can_have_are_told_and_the_others_go_on(folder):
    os.mkfifo(folder / "pipe.png")
    done = predict(folder, "student.onnx", "pipe.png", "x" * 300, "films/a.png", "--csv")
    (folder / "pipe.png").unlink()
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 2
    assert "pipe.png: found a pipe" in done.stderr and done.stderr.count("\n") == 2


def test_who_has_seen_enough_may_leave(folder):
    command = f"{sys.executable} -m distill.predict student.onnx {'films ' * 50} --json | head -1"
    about = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, **about)
    assert done.stderr == "" and done.stdout.count("\n") == 1


@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["at the end", "at once"])
def test_what_can_not_be_printed_is_told_and_the_picture_is_drawn(folder, unbuffered):
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    about = {"cwd": folder, "env": plain | {"PYTHONPATH": str(ROOT)} | unbuffered}
    (folder / "gone.png").unlink(missing_ok=True)
    command = f"{sys.executable} -m distill.predict student.onnx films/a.png"
    for kind in ("", "--json", "--csv"):
        done = subprocess.run(f"{command} {kind} > /dev/full", shell=True, capture_output=True, text=True, **about)
        assert done.returncode == 2
        assert done.stderr == "error: standard output: No space left on device\n"
    gone = f"{{ {command} --explain gone.png; echo $? > status; }} | true"
    done = subprocess.run(gone, shell=True, capture_output=True, text=True, **about)
    assert done.stderr == "" and (folder / "status").read_text() == "141\n" and (folder / "gone.png").exists()


@pytest.mark.parametrize(
    "fact",
    [
        {"labels": []},
        {"labels": ["a"], "threshold": {"a": 0.5}},
        {"labels": ["a", "a"]},
        {"labels": ["a\x1b[31m", "b"], "threshold": {"a\x1b[31m": 0.5, "b": 0.5}},
        {"threshold": {"left, the": "0.5", "naïve": 0.5}},
        {"threshold": {"left, the": float("nan"), "naïve": 0.5}},
        {"threshold": {"left, the": [0.5], "naïve": 0.5}},
        {"size": 200000},
        {"size": True},
        {"size": 0},
        {"size": 31},
        {"mean": float("nan")},
        {"mean": 50.0},
        {"keep_aspect": "no"},
    ],
    ids=str,
)
def test_no_word_of_a_hostile_model_is_believed(folder, fact):
    model = onnx.load(folder / "student.onnx")
    portable.save(folder / "hostile.onnx", model, OnnxModel(folder / "student.onnx").facts | fact)
    done = predict(folder, "hostile.onnx", "films/a.png")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: hostile.onnx: no exported network") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_stream_that_nobody_needs_may_be_closed(folder, closed):
    (folder / "films" / "none.png").write_bytes(b"no image")
    command = f"{sys.executable} -m distill.predict student.onnx films --csv"
    about = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    expected, done = (
        subprocess.run(f"{command} {how}", shell=True, capture_output=True, text=True, **about) for how in ("", closed)
    )
    (folder / "films" / "none.png").unlink()
    assert done.returncode == expected.returncode == 1 and done.stdout == expected.stdout != ""
    assert done.stderr == ("" if closed == "2>&-" else expected.stderr) and "none.png" in expected.stderr


def test_where_there_is_no_output_that_is_told(folder):
    command = f"{sys.executable} -m distill.predict student.onnx films/a.png >&-"
    about = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, **about)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == "error: standard output: found it closed, expected it open\n"


@pytest.mark.parametrize("change", ["no unfamiliar", "other pixels", "one more input", "swapped", "no number"])
def test_a_network_that_answers_in_another_way_is_refused(folder, change):
    model, facts = onnx.load(folder / "student.onnx"), OnnxModel(folder / "student.onnx").facts
    if change == "no unfamiliar":
        del model.graph.output[[node.name for node in model.graph.output].index("unfamiliar")]
    elif change == "one more input":
        model.graph.input.append(onnx.helper.make_tensor_value_info("extra", onnx.TensorProto.FLOAT, [1]))
    elif change == "swapped":
        place = [node.name for node in model.graph.output].index("probabilities")
        model.graph.input.append(model.graph.output.pop(place))
        next(node for node in model.graph.node if "probabilities" in node.output).output[0] = "unused"
    elif change == "other pixels":
        model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    else:
        weights = max(model.graph.initializer, key=lambda each: np.prod(each.dims))
        weights.CopyFrom(onnx.numpy_helper.from_array(np.nan * onnx.numpy_helper.to_array(weights), weights.name))
    portable.save(folder / "other.onnx", model, facts)
    done = predict(folder, "other.onnx", "films/a.png", "--json")
    assert done.returncode in (1, 2) and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith(
        "error: other.onnx: no exported" if change != "no number" else "error: films/a.png: other.onnx: answers"
    )


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("why.jpg", "writes a PNG"),
        ("no/why.png", "no folder 'no'"),
        ("folder.png", "found a folder 'folder.png'"),
        ("films/a.png", "would overwrite 'films/a.png'"),
    ],
)
def test_a_picture_goes_only_where_it_harms_nothing(folder, target, told):
    film = (folder / "films/a.png").read_bytes()
    (folder / "folder.png").mkdir(exist_ok=True)
    done = predict(folder, "student.onnx", "films/a.png", "--explain", target)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ""
    assert (folder / "films/a.png").read_bytes() == film and not (folder / "no").exists()


def test_in_a_folder_what_can_not_be_read_stops_nobody(folder, tmp_path):
    (tmp_path / "none").mkdir()
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    shutil.copy(folder / "films/a.png", odd)
    done = predict(folder, "student.onnx", str(tmp_path), str(tmp_path / "none"), "films/a.png", "--csv")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "none: found no image" in done.stderr
    assert len(done.stdout.splitlines()) == 3 and "\\udcff.png" in done.stdout


def test_a_list_may_have_the_line_ends_of_windows(folder):
    done = predict(folder, "student.onnx", "-", "--json", given="films/a.png\r\nfilms/d.jpg\r\n")
    assert [json.loads(line)["image"] for line in done.stdout.splitlines()] == ["films/a.png", "films/d.jpg"]


def test_a_device_is_no_model(folder):
    done = predict(folder, "/dev/zero", "films/a.png")
    assert done.returncode == 2 and "a folder, a pipe or a device" in done.stderr


def test_a_picture_says_that_its_film_is_strange(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)).save(folder / "noise.png")
    heights = []
    for name in ("films/deep/c.png", "noise.png"):
        done = predict(folder, "student.onnx", name, "--explain", "why.png")
        with Image.open(folder / "why.png") as picture:
            heights.append(picture.height % (explain.SIDE + explain.HEAD))
    assert "unlike the X-rays" in done.stdout
    assert heights[1] - heights[0] == explain.LINE


def test_two_images_can_not_be_explained_in_one_picture(folder):
    for named in (["films/a.png", "films/d.jpg"], ["films"], ["-"]):
        done = predict(folder, "student.onnx", *named, "--explain", "x.png")
        assert done.returncode == 2 and "--explain draws one image" in done.stderr


def test_the_picture_of_an_answer_has_a_column_for_each_model(folder):
    widths = []
    for beside in ([], ["--beside", "teacher.onnx"]):
        done = predict(folder, "student.onnx", "films/d.jpg", "--explain", "why.png", *beside)
        assert done.returncode == 0, done.stderr
        with Image.open(folder / "why.png") as picture:
            widths.append(picture.width)
            assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100
    assert widths[1] > widths[0] * 1.4


def test_the_pixels_are_those_of_prepare_for_real_films(folder, tmp_path):
    shared = ROOT.parent / "shared/data"
    if not shared.is_dir():
        pytest.skip("needs ../shared/data")
    model = OnnxModel(folder / "student.onnx")
    paths = (
        sorted((shared / "covid-chestxray-dataset/images").iterdir())[:40]
        + sorted((shared / "nih/images").iterdir())[:40]
    )
    with (tmp_path / "pixels").open("wb") as out:
        files = [images.File(path, inside=path.parent.resolve()) for path in paths]
        seen = intake.take_in(files, count=len(paths), size=32, keep_aspect=True, out=out)
    assert not any(seen.reasons), seen.reasons
    prepared = np.fromfile(tmp_path / "pixels", np.uint8).reshape(len(paths), 32, 32)
    for path, pixels in zip(paths, prepared, strict=True):
        assert np.array_equal(model.pixels(images.grey(path)), pixels), path


def test_no_bar_is_drawn_but_on_a_terminal_and_it_says_how_far(capsys):
    with Bar(4, "image") as bar:
        bar.update()
        assert bar.text(2) == f"[{'######':<24}] 1 of 4, 0 images/s, 6 s left"
    assert capsys.readouterr() == ("", "")
