"""What a finished study leaves for its user: exported networks, a report, a model card."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from rayling.evaluation import results
from rayling.predict.model import OnnxModel
from rayling.storage import prepared


def test_the_exported_student_answers_as_the_trained_one_was_evaluated(finished):
    clone = finished[0]
    test = prepared.read(clone / "data/prepared.h5", "test")
    said = results.read_predictions(clone / "data/predictions/student.csv", test)
    models = [OnnxModel(clone / f"data/models/{name}.onnx") for name in ("student", "student.int8")]
    full, small = (model.run(test.images)[0] for model in models)
    export, student = (json.loads((clone / f"metrics/{name}.json").read_text()) for name in ("export", "student"))
    assert np.abs(full - said).max() < 1e-5
    assert abs(export["float32"]["auroc"] - student["auroc"]["macro"]) < 1e-5
    assert abs(export["int8"]["largest_difference"] - np.abs(small - said).max()) < 2e-6
    latency = json.loads((clone / "metrics/latency.json").read_text())
    assert all(
        0 < latency[name]["p50_ms"] <= latency[name]["p99_ms"] for name in ("teacher", "student", "student.int8")
    )


def test_all_numbers_are_strict_json(finished):
    files = [*finished[0].glob("metrics/*.json"), *finished[0].glob("data/*/*.json")]
    assert len(files) > 10
    for file in files:
        json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)


class Asked(HTMLParser):
    """What a page asks a browser to get, and its text."""

    def __init__(self, text):
        super().__init__()
        self.wanted, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "a":  # a link is followed by people alone
            return
        self.wanted += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data):
        self.words += data.split()


def test_the_report_is_one_file_and_says_what_the_metrics_say(finished):
    clone = finished[0]
    text = (clone / "plots/report.html").read_text(encoding="utf-8")
    page, card = Asked(text), (clone / "plots/MODEL_CARD.md").read_text(encoding="utf-8")
    assert len(page.wanted) > 15 and all(value.startswith("data:image/png;base64,") for value in page.wanted)
    assert not re.search(r"url\((?!#)", text)  # the tips of the arrows in the page itself
    assert "@import" not in text and "<script" not in text
    student = json.loads((clone / "metrics/student.json").read_text())
    for told in (" ".join(page.words), card):
        assert "Not for clinical use" in told and "temperature" in told
        assert all(label in told for label in student["threshold"])
        for score in (student["auroc"]["macro"], student["f1"]["macro"], *student["auroc"]["per_label"].values()):
            assert f"{score:.3f}" in told
