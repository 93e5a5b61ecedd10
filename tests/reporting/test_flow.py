"""The flow diagram: every number of `prepare` that it names, as text for all, and nothing outside of its frame."""

from xml.etree import ElementTree

import pytest

from rayling.reporting import flow

PREPARE = {
    "images": {"train": {"all": 1200}, "dev": {"all": 30}, "test": {"all": 1}},
    "patients": {"train": {"all": 700}, "dev": {"all": 20}, "test": {"all": 1}},
    "left_out": {"all": 17, "lateral view": 9, "copy of <another>": 8},
    "labelled": {"images": 600},
    "balanced": {"all": 2000},
}


@pytest.fixture
def drawn():
    return ElementTree.fromstring(str(flow.diagram(PREPARE)))


def test_the_boxes_hold_the_numbers_and_their_sums(drawn):
    lines = [text.text for text in drawn.iter("text")]
    assert lines[:2] == ["Found", "1,248 images"]  # 1,231 that were kept and 17 that were not
    assert lines[2:6] == ["Left out", "17 images", "lateral view: 9", "copy of <another>: 8"]
    assert lines[6:9] == ["Kept", "1,231 images", "721 patients"]
    assert lines[9:13] == ["train", "1,200 images", "700 patients", "labels known of 600 images"]
    assert lines[-5:] == ["test", "1 image", "1 patient", "one epoch of train", "2,000 images"]


def test_it_says_the_same_in_words(drawn):
    for text in drawn.iter("text"):
        assert text.text in drawn.get("aria-label")


def test_every_text_lies_in_its_frame(drawn):
    _, _, width, height = map(float, drawn.get("viewBox").split())
    boxes = [{key: float(box.get(key)) for key in ("x", "y", "width", "height")} for box in drawn.iter("rect")]
    assert all(b["x"] >= 0 and b["x"] + b["width"] <= width and b["y"] + b["height"] <= height for b in boxes)
    for text in drawn.iter("text"):
        x, y = float(text.get("x")), float(text.get("y"))
        assert any(b["x"] < x < b["x"] + b["width"] and b["y"] < y < b["y"] + b["height"] for b in boxes)
    for one in boxes:
        for other in boxes:
            apart = one["x"] + one["width"] <= other["x"] or one["y"] + one["height"] <= other["y"]
            assert one is other or apart or other["x"] + other["width"] <= one["x"] or other["y"] < one["y"]
