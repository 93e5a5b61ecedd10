"""The tables with a row for each label, on the scores of a student with a label that few patients have."""

import numpy as np
import pytest

from rayling.reporting import label_tables
from tests.evaluation.drawn import NAMES, scores_of, split


@pytest.fixture
def student():
    """The scores of a student on 300 images, of which three have the last label, all ranked first."""
    labels, probabilities = split(np.random.Generator(np.random.Philox(7)), decimals=6)
    labels[:, 3] = np.arange(300) < 3
    probabilities[:, 3] = 0.9 * labels[:, 3]
    return scores_of(labels, probabilities)


def rows_of(table):
    """The cells of each row by the head of their column."""
    head, *rows = table
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_a_label_has_intervals_if_enough_patients_have_it(student):
    rows = rows_of(label_tables.label_table({"student": student, "teacher": student}))
    assert list(rows) == NAMES
    few, many = rows["mass"], rows["effusion"]
    assert few["patients with / without"] == "3 / 297" and few["AUROC"] == few["AUROC of the teacher"] == "1.000"
    assert few["sensitivity"] == "1.000" and few["specificity"] == "1.000 (0.988–1.000)"
    low, high = (student["auroc"][f"per_label_{end}"]["effusion"] for end in ("low", "high"))
    assert many["AUROC"] == f"{student['auroc']['per_label']['effusion']:.3f} ({low:.3f}–{high:.3f})"
    assert many["threshold"] == f"{student['threshold']['effusion']:.3f}"


def test_the_cells_of_a_row_are_all_its_images(student):
    rows = rows_of(label_tables.decision_table(student))
    for row in rows.values():
        assert sum(int(row[cell]) for cell in label_tables.CELLS.values()) == 300
    assert rows["mass"]["likelihood ratio +"] == "–" and rows["mass"]["PPV"] == "1.000"


def test_the_last_row_of_the_calibrations_is_their_mean(student):
    rows = rows_of(label_tables.calibration_table(student))
    assert list(rows) == [*NAMES, "mean"]
    assert rows["mass"]["calibration slope"] == "–"  # a threshold separates the three
    slopes = [float(rows[name]["calibration slope"]) for name in NAMES[:3]]
    assert float(rows["mean"]["calibration slope"]) == pytest.approx(np.mean(slopes), abs=0.001)
