"""The command: what the copy of the file answers, what it says of itself, and what is refused."""

import hashlib
import json
import shutil
import sys

import numpy as np
import onnx
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.evaluation import auroc
from rayling.predict import __main__ as predict
from rayling.predict.model import OnnxModel
from rayling.recalibration import __main__, films, fit, graph


@pytest.fixture
def recalibrate(site, monkeypatch, capsys):
    """The command in the folder `site`; returns what it printed."""
    monkeypatch.chdir(site)

    def run(csv, model, *more, output="out.onnx", name="North"):
        monkeypatch.setattr(sys, "argv", ["x", csv, model, "-o", output, "--site", name, *more])
        __main__.main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("csv", "name"), [("films.csv", "student"), ("films.csv", "student.int8"), ("classes.csv", "exclusive")]
)
def test_the_copy_answers_with_scale_and_shift_on_the_log_odds(site, recalibrate, csv, name):
    recalibrate(csv, f"{name}.onnx")
    before, after = OnnxModel(site / f"{name}.onnx"), OnnxModel(site / "out.onnx")
    found = films.read(site / csv, before, columns={})
    log_odds = graph.log_odds(onnx.load(site / f"{name}.onnx"), found.pixels)
    same = np.tile([1.0, 0.0], (len(before.labels), 1))
    old, distances = before.run_all(found.pixels)
    np.testing.assert_allclose(fit.recalibrated(log_odds, same, exclusive=before.exclusive), old, atol=1e-6)
    said = [after.facts["recalibrated"]["labels"][label] for label in after.labels]
    platt = np.array([[each["scale"], each["shift"]] for each in said])
    new, new_distances = after.run_all(found.pixels)
    np.testing.assert_allclose(new, fit.recalibrated(log_odds, platt, exclusive=before.exclusive), atol=1e-5)
    assert np.abs(new - old).max() > 0.05 and np.array_equal(new_distances, distances)
    if not before.exclusive:
        assert auroc.per_label(found.labels, new) == pytest.approx(auroc.per_label(found.labels, old), abs=1e-3)
        assert after.thresholds.tolist() == before.thresholds.tolist()


def test_the_mean_probability_moves_towards_the_share_of_positives(site, recalibrate):
    recalibrate("films.csv", "student.onnx")
    found = films.read(site / "films.csv", OnnxModel(site / "student.onnx"), columns={})
    off = [
        abs(OnnxModel(site / name).run_all(found.pixels)[0].mean(0) - found.labels.mean(0))
        for name in ("student.onnx", "out.onnx")
    ]
    assert (off[1] < off[0] / 2).all()


def test_the_copy_says_for_whom_it_was_made_and_from_what(site, recalibrate, capsys):
    printed = recalibrate("films.csv", "student.onnx", name="Krankenhaus Nord")
    facts = OnnxModel(site / "out.onnx").facts
    assert facts["recalibrated"]["site"] == "Krankenhaus Nord" and facts["recalibrated"]["patients"] == 30
    assert facts["recalibrated"]["of"] == hashlib.sha256((site / "student.onnx").read_bytes()).hexdigest()
    table = pd.read_csv(site / "films.csv")
    counts = facts["recalibrated"]["labels"]["naïve"]
    assert (counts["positive"], counts["negative"]) == (table["naïve"].sum(), 60 - table["naïve"].sum())
    assert "60 films of 30 patients" in printed and "by 5-fold cross-validation" in printed
    predict.main([str(site / "out.onnx"), str(site / "films/0.png")])
    assert "Calibrated for Krankenhaus Nord." in capsys.readouterr().out.splitlines()
    predict.main([str(site / "out.onnx"), str(site / "films/0.png"), "--json"])
    assert json.loads(capsys.readouterr().out)["calibrated_for"] == "Krankenhaus Nord"


def test_the_same_films_give_the_same_bytes(site, recalibrate):
    recalibrate("films.csv", "student.onnx")
    first = (site / "out.onnx").read_bytes()
    recalibrate("films.csv", "student.onnx", output="again.onnx")
    assert (site / "again.onnx").read_bytes() == first


def test_a_label_that_the_csv_does_not_name_stays_as_it_is(site, recalibrate):
    pd.read_csv(site / "films.csv").drop(columns="naïve").to_csv(site / "one.csv", index=False)
    recalibrate("one.csv", "student.onnx")
    labels = OnnxModel(site / "out.onnx").facts["recalibrated"]["labels"]
    assert labels["naïve"] == {"positive": 0, "negative": 0, "scale": 1.0, "shift": 0.0}
    assert labels["left, the"]["shift"] != 0


def test_few_patients_have_no_cross_validation(site, recalibrate):
    pd.read_csv(site / "films.csv").head(12).to_csv(site / "few.csv", index=False)
    assert "Fewer than 10 patients" in recalibrate("few.csv", "student.onnx")


def test_what_cannot_be_used_is_refused_in_one_line_and_writes_nothing(site, recalibrate):
    table = pd.read_csv(site / "films.csv")
    shutil.copy(site / "films/0.png", site / "films/broken.png")
    (site / "films/broken.png").write_bytes(b"no image")
    cases = {
        "expected one of these labels or `label`": table[["image", "patient"]],
        "naïve is '3', expected 1, 0 or blank": table.assign(naïve=3),
        "expected each image once": pd.concat([table, table]),
        r"2 of 62 films cannot be read: .*absent\.png.*; .*broken\.png": pd.concat(
            [table, table.head(2).assign(image=["films/absent.png", "films/broken.png"])]
        ),
        "found no film, expected some": table.head(0),
    }
    for message, wrong in cases.items():
        wrong.to_csv(site / "wrong.csv", index=False)
        with pytest.raises(BadInput, match=message):
            recalibrate("wrong.csv", "student.onnx", output="never.onnx")
    with pytest.raises(BadInput, match="found the model itself"):
        recalibrate("films.csv", "student.onnx", output="student.onnx")
    recalibrate("films.csv", "student.onnx")
    with pytest.raises(BadInput, match="found it calibrated for 'North', expected the file that it was made from"):
        recalibrate("films.csv", "out.onnx", output="never.onnx")
    with pytest.raises(BadInput, match="--site: found"):
        recalibrate("films.csv", "student.onnx", output="never.onnx", name=" ")
    assert not (site / "never.onnx").exists()
