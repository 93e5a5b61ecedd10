"""Which test images are explained, and how a pair is scored."""

from types import SimpleNamespace

import numpy as np
import pytest

from rayling.attribution import on_phantom
from rayling.attribution.measures import MEASURES
from rayling.phantom.anatomy import Body
from rayling.phantom.cohort import FIRST_VALID_PATIENT, Study
from rayling.phantom.projection import View


def split(labels):
    return SimpleNamespace(
        names=["a", "b", "c"], labels=labels, image_id=np.array([str(n) for n in range(len(labels))])
    )


def test_the_first_images_that_give_each_label_enough_are_chosen(rng):
    labels = (rng.random((200, 3)) < [0.5, 0.1, 0.02]).astype(float)
    labels[5] = np.nan
    rows = on_phantom.chosen(split(labels), among={str(n) for n in range(200)})
    found, there = (labels[rows] == 1).sum(axis=0), (labels == 1).sum(axis=0)
    assert (found >= np.minimum(there, on_phantom.IMAGES_PER_LABEL)).all() and 5 not in rows
    for row in rows:  # each was needed when it was chosen
        before = (labels[[r for r in rows if r < row]] == 1).sum(axis=0)
        assert (before[labels[row] == 1] < on_phantom.IMAGES_PER_LABEL).any()


def test_other_images_than_the_phantoms_own_are_not(rng):
    assert on_phantom.chosen(split(np.ones((9, 3))), among={"3", "7"}) == [3, 7]


def test_the_studies_of_test_are_found_by_the_names_of_their_images():
    studies = on_phantom.studies_of_valid(seed=4, patients=3)
    first = f"valid/patient{FIRST_VALID_PATIENT}/study1/view1_frontal.jpg"
    assert len(studies) == 3 and studies[first].patient == FIRST_VALID_PATIENT


@pytest.fixture
def pairs():
    study = Study(1, 5, 1, "Male", Body(), View(), {"Pneumothorax": 0.8}, lateral=False)
    generator = np.random.default_rng(0)

    def pair(patient):
        maps = {"student": generator.normal(size=(32, 32)), "teacher": generator.normal(size=(48, 48))}
        image = np.zeros((32, 32), np.uint8)
        return on_phantom.pair_of(study, "Pneumothorax", patient, image, maps, drawn_at=64)

    return [pair(str(n)) for n in range(12)]


def test_each_network_is_scored_at_its_own_size(pairs):
    assert pairs[0].finding.shape == (32, 32) and set(pairs[0].scores) == {"student", "teacher", "chance"}
    for network in ("student", "teacher"):  # noise knows nothing
        found = np.mean([pair.scores[network]["inside_finding"] for pair in pairs])
        assert found == pytest.approx(pairs[0].scores["chance"]["inside_finding"], abs=0.02)


def test_the_summary_has_the_difference_of_the_same_pairs(pairs):
    found = on_phantom.summary(pairs)
    assert (found["pairs"], found["patients"]) == (12, 12) and list(on_phantom.by_label(pairs)) == ["Pneumothorax"]
    for name in MEASURES:
        less = found["student"][name] - found["teacher"][name]
        assert found["student_minus_teacher"][name] == pytest.approx(less)
        assert found["student_minus_teacher"][f"{name}_low"] <= less <= found["student_minus_teacher"][f"{name}_high"]
        assert f"{name}_low" not in found["chance"]
