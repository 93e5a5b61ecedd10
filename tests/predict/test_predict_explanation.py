"""`--explain`: the picture that it draws, and when it draws none."""

import shutil

import numpy as np
import pytest
from PIL import Image

from rayling.predict import explanation
from rayling.predict.answers import answer
from rayling.predict.model import OnnxModel


def test_the_picture_has_a_column_for_each_model(predict, tmp_path):
    widths = []
    for beside in ([], ["--beside", "teacher.onnx"]):
        done = predict("student.onnx", "images/d.jpg", "--explain", tmp_path / "why.png", *beside)
        assert done.status == 0, done.stderr
        with Image.open(tmp_path / "why.png") as picture:
            widths.append(picture.width)
            assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100
    assert widths[1] > widths[0] * 1.4


def test_of_exclusive_labels_the_most_probable_one_alone_is_explained(folder, predict, tmp_path):
    assert predict("exclusive.onnx", "images/d.jpg", "--explain", tmp_path / "why.png").status == 0
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.height // (explanation.SIDE + explanation.HEAD) == 1
    model = OnnxModel(folder / "exclusive.onnx")
    probabilities = answer(model, folder / "images/d.jpg").probabilities
    results = {"exclusive": (probabilities, None)}
    assert explanation._labels_to_show(results, {"exclusive": model}) == [probabilities.argmax()]


def test_the_picture_warns_of_an_image_that_is_out_of_distribution(predict, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    heights = []
    for path in ("images/deep/c.png", tmp_path / "noise.png"):
        done = predict("student.onnx", path, "--explain", tmp_path / "why.png")
        with Image.open(tmp_path / "why.png") as picture:
            heights.append(picture.height % (explanation.SIDE + explanation.HEAD))
    assert "unlike the X-rays" in done.stdout
    assert heights[1] - heights[0] == explanation.LINE


def test_an_unreadable_image_is_not_explained(predict, tmp_path):
    done = predict("student.onnx", "broken.png", "--explain", tmp_path / "nothing.png")
    assert done.status == 1 and done.stderr.startswith("error: broken.png: found text;")
    assert not (tmp_path / "nothing.png").exists()


def test_two_models_of_the_same_name_are_refused(folder, predict, tmp_path):
    shutil.copy(folder / "teacher.onnx", tmp_path / "student.onnx")
    other = tmp_path / "student.onnx"
    done = predict("student.onnx", "images/a.png", "--explain", tmp_path / "x.png", "--beside", other)
    assert done.status == 2 and f"{other}: found a second model named 'student'" in done.stderr


def test_a_second_model_needs_a_picture(predict):
    done = predict("student.onnx", "images/a.png", "--beside", "teacher.onnx")
    assert done.status == 2 and "--beside goes with --explain" in done.stderr


@pytest.mark.parametrize("names", [["images/a.png", "images/d.jpg"], ["images"], ["-"]])
def test_only_one_image_is_explained(predict, tmp_path, names):
    done = predict("student.onnx", *names, "--explain", tmp_path / "x.png")
    assert done.status == 2 and "--explain draws one image" in done.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("why.jpg", "writes a PNG"),
        ("absent/why.png", "no folder 'absent'"),
        ("folder.png", "found a folder 'folder.png'"),
        ("images/a.png", "would overwrite 'images/a.png'"),
    ],
)
def test_the_picture_overwrites_nothing_that_it_must_not(folder, predict, target, message):
    content = (folder / "images/a.png").read_bytes()
    (folder / "folder.png").mkdir(exist_ok=True)
    done = predict("student.onnx", "images/a.png", "--explain", target)
    assert done.status == 2 and message in done.stderr and done.stdout == ""
    assert (folder / "images/a.png").read_bytes() == content and not (folder / "absent").exists()
