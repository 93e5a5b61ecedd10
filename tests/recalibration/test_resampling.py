"""Drawing films again and again: whole patients, and scores of films that the fit has not seen."""

import sys

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.recalibration import resampling


def test_films_of_whole_patients_are_drawn_until_there_are_enough(rng):
    patients = np.repeat(list("abcdefghij"), [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    for count in (1, 7, 20):
        chosen = resampling.draw(patients, count, rng)
        assert count <= chosen.sum() < count + 5
        for patient in "abcdefghij":
            assert chosen[patients == patient].all() or not chosen[patients == patient].any()


def test_a_row_shows_means_the_gain_and_how_often_it_is_one():
    values = np.array([[0.5, 0.4], [0.7, 0.8], [0.6, 0.3], [0.6, 0.5]])
    assert resampling.row(25, "log loss", values).startswith("| 25 | log loss | 0.600 | 0.500 | +0.100 (")
    assert resampling.row(25, "log loss", values).endswith("| 75% |")
    assert "| -0.100 (" in resampling.row(25, "accuracy", values)


@pytest.mark.parametrize(
    ("csv", "name", "last"), [("films.csv", "student", "F1"), ("classes.csv", "exclusive", "accuracy")]
)
def test_labels_of_another_mix_are_predicted_better(site, monkeypatch, capsys, csv, name, last):
    monkeypatch.chdir(site)
    monkeypatch.setattr(sys, "argv", ["x", csv, f"{name}.onnx", "--films", "30", "--draws", "10"])
    resampling.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == ["log loss", "calibration error", last]
    assert float(rows[0][3]) < float(rows[0][2])


def test_more_films_than_there_are_cannot_be_drawn(site, monkeypatch):
    monkeypatch.chdir(site)
    monkeypatch.setattr(sys, "argv", ["x", "films.csv", "student.onnx", "--films", "60"])
    with pytest.raises(BadInput, match="found 60 films, expected more than 60"):
        resampling.main()
