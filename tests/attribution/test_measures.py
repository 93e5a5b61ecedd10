"""Measures of a map against a mask, where their values are known, and their intervals against a loop."""

import numpy as np
import pytest

from rayling.attribution import measures
from rayling.attribution.measures import MEASURES
from rayling.evaluation import bootstrap


@pytest.fixture
def places():
    """A finding of 8 × 8 pixels in a chest of 32 × 32, in an image of 64 × 64."""
    finding, chest = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    finding[20:28, 24:32] = chest[16:48, 16:48] = True
    return finding, chest


def test_a_map_that_is_the_finding_has_the_highest_values(places):
    assert measures.measures(places[0].astype(float), *places) == dict.fromkeys(MEASURES, 1.0)


def test_a_map_that_is_equal_everywhere_has_those_of_chance(places):
    found, chance = measures.measures(np.full((64, 64), 0.3), *places), measures.chance(*places)
    assert found["inside_finding"] == pytest.approx(64 / 64**2) == chance["inside_finding"]
    assert found["inside_chest"] == pytest.approx(0.25) == chance["inside_chest"]
    assert found["iou"] == chance["iou"] == 64 / 64**2


def test_what_lies_elsewhere_or_is_negative_does_not_count(places):
    field = np.where(places[0], -5.0, 0.0)
    field[50:54, 50:54] = 1.0
    assert measures.measures(field, *places) == dict.fromkeys(MEASURES, 0.0)
    field[places[0]] = 1.0
    half = measures.measures(field, *places)
    assert half["inside_finding"] == half["inside_chest"] == half["iou"] == 64 / 80


def test_the_maximum_may_lie_a_little_beside_the_finding(places):
    hits = []
    for beside in range(1, 9):
        field = np.zeros((64, 64))
        field[24, 31 + beside] = 1
        hits.append(measures.measures(field, *places)["pointing_game"])
    assert hits == [1.0] * 4 + [0.0] * 4  # 15 of 224 pixels are 4.3 of 64
    slow = np.array([[_distance(x, y) for x in range(64)] for y in range(64)])
    assert np.array_equal(measures.near(places[0]), slow <= 15 / 224 * 64)


def _distance(x, y):
    """From the square of the finding."""
    return np.hypot(max(24 - x, x - 31, 0), max(20 - y, y - 27, 0))


def test_a_map_without_a_positive_value_has_no_measures(places):
    assert all(np.isnan(value) for value in measures.measures(np.full((64, 64), -1.0), *places).values())


def test_means_and_intervals_are_over_patients_and_leave_out_what_is_unknown():
    rng = np.random.default_rng(0)
    groups = np.repeat([f"p{n}" for n in range(15)], 3)
    values = rng.random(45)
    values[[4, 17]] = np.nan
    found = measures.means([dict.fromkeys(MEASURES, value) for value in values], groups=groups, seed=3)
    assert found["iou"] == pytest.approx(np.nanmean(values))
    weights = bootstrap.patient_weights(groups, seed=3, resamples=500)
    drawn = [np.nanmean(np.repeat(values, weight.astype(int))) for weight in weights]
    assert [found["iou_low"], found["iou_high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_nine_patients_have_a_mean_and_no_interval():
    pairs = [dict.fromkeys(MEASURES, 0.5)] * 20
    found = measures.means(pairs, groups=[str(n % 9) for n in range(20)], seed=0)
    assert found["iou"] == 0.5 and found["iou_low"] is found["iou_high"] is None
    assert measures.means([], groups=[], seed=0)["iou"] is None
