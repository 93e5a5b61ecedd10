"""What is no chest X-ray gets no answer unless it is asked for."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from rayling.predict import unfamiliar
from rayling.predict.answers import answer
from rayling.predict.model import OnnxModel
from tests.images.dicom_files import write

FAMILIAR = "images/deep/c.png"  # of the size of the network's, and of its train images


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, None),
        ({"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}, None),
        ({"Modality": "", "BodyPartExamined": "chest pa", "ViewPosition": ""}, None),
        ({"Modality": "CT"}, "Modality is CT, expected radiography (CR, DX, DR, RG, RF, OT)"),
        ({"BodyPartExamined": "HAND"}, "BodyPartExamined is HAND, expected CHEST"),
        ({"ViewPosition": "ll"}, "ViewPosition is ll, expected a frontal view"),
    ],
)
def test_the_header_says_what_the_image_is(folder, tmp_path, attributes, reason):
    pixels = np.asarray(Image.open(folder / FAMILIAR))
    film = write(tmp_path / "film", pixels, WindowCenter=128, WindowWidth=256, **attributes)
    assert answer(OnnxModel(folder / "student.onnx"), film).unfamiliar == ([reason] if reason else [])


@pytest.mark.parametrize(("size", "count"), [((96, 32), 0), ((97, 32), 1), ((32, 97), 1), ((4000, 40), 1)])
def test_a_strip_is_no_chest(size, count):
    found = unfamiliar.reasons(__file__, Image.new("L", size), 0.5)
    assert found == [f"{size[0]} × {size[1]} pixels, expected at most 3 times as long as wide"] * count


@pytest.fixture
def strip(folder, tmp_path):
    """A strip of a film."""
    Image.open(folder / FAMILIAR).resize((400, 40)).save(tmp_path / "strip.png")
    return str(tmp_path / "strip.png")


def test_the_table_says_first_that_there_is_no_answer_and_how_to_get_one(predict, strip):
    lines = predict("student.onnx", strip, FAMILIAR, more=()).stdout.splitlines()
    assert lines[0] == strip and "! no answer: 400 × 40 pixels" in lines[1]
    assert sum("%" in line for line in lines) == 2  # both labels of the other film
    assert "No answer for 1 of the images: --even-if-unfamiliar prints one." in lines
    asked = predict("student.onnx", strip, FAMILIAR).stdout
    assert "! 400 × 40 pixels" in asked and asked.count("%  ") == 4 and "o answer" not in asked


def test_json_and_csv_have_reasons_in_place_of_numbers(predict, strip):
    none, some = map(json.loads, predict("student.onnx", strip, FAMILIAR, "--json", more=()).stdout.splitlines())
    assert none["findings"] is None and some["findings"] and some["unfamiliar"] == []
    first, second = csv.DictReader(io.StringIO(predict("student.onnx", strip, FAMILIAR, "--csv", more=()).stdout))
    assert first["unfamiliar"] == "; ".join(none["unfamiliar"]) and "400 × 40" in first["unfamiliar"]
    assert first["naïve"] == first["naïve present"] == "" and float(second["naïve"]) >= 0 and second["unfamiliar"] == ""


def test_no_picture_is_drawn_unless_it_is_asked_for(predict, strip, tmp_path):
    done = predict("student.onnx", strip, "--explain", tmp_path / "why.png", more=())
    assert (done.status, done.stderr) == (0, f"{tmp_path}/why.png: not drawn, as there is no answer\n")
    assert not (tmp_path / "why.png").exists()
    predict("student.onnx", strip, "--explain", tmp_path / "why.png")
    assert (tmp_path / "why.png").exists()
