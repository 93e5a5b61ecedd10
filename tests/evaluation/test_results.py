"""The files that `evaluate` writes for other stages: a network's calibration, and its predictions on test."""

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from rayling.common.errors import BadInput
from rayling.evaluation import metrics
from rayling.evaluation.calibration import choose, fit, fit_exclusive
from rayling.evaluation.results import Calibration, read_predictions, write_predictions
from rayling.storage import prepared

LABELS = ["Edema", "Lungenödem, „rechts“"]
PLATT = np.array([[1 / 3, -np.pi], [1e-7, 2e5]])
THRESHOLDS = np.array([0.1 + 0.2, 1.0])


def calibration() -> Calibration:
    return Calibration(LABELS, PLATT, THRESHOLDS)


def of_classes() -> Calibration:
    return Calibration(LABELS, PLATT, None, exclusive=True)


@pytest.fixture
def path(tmp_path):
    """The file of `calibration()`."""
    calibration().write(tmp_path / "models/student.calibration.json")
    return tmp_path / "models/student.calibration.json"


# calibration


def test_a_calibration_comes_back_from_its_file_with_all_digits(path):
    found = Calibration.read(path, LABELS)
    assert found.labels == LABELS
    np.testing.assert_array_equal(found.platt, PLATT)
    np.testing.assert_array_equal(found.thresholds, THRESHOLDS)


def test_a_calibration_of_exclusive_classes_comes_back_without_thresholds(path):
    of_classes().write(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["exclusive"] is True and content["labels"]["Edema"]["threshold"] is None
    found = Calibration.read(path, LABELS)
    assert found.exclusive and found.thresholds is None
    np.testing.assert_array_equal(found.platt, PLATT)


def test_exclusive_classes_share_a_probability_of_one_and_the_most_probable_is_decided():
    logits = np.array([[0.0, 1.0, 0.5], [3.0, 1.0, 0.0], [2.0, 2.0, 2.0]], np.float32)
    found = Calibration(["a", "b", "c"], np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 1.5]]), None, exclusive=True)
    probabilities = found.probabilities(logits)
    np.testing.assert_allclose(probabilities, softmax(2 * logits + [0, 0, 1.5], axis=1))
    assert found.decide(probabilities).tolist() == [[False, False, True], [True, False, False], [False, False, True]]
    assert found.decide(np.full((1, 3), 1 / 3)).tolist() == [[True, False, False]]  # one answer, also on a tie


def test_labels_that_may_occur_together_are_decided_each_by_its_threshold():
    found = Calibration(LABELS, PLATT, np.array([0.2, 0.9])).decide(np.array([[0.2, 0.89], [0.5, 0.95], [0.1, 0.1]]))
    assert found.tolist() == [[True, False], [True, True], [False, False]]


def test_the_same_calibration_gives_the_same_bytes(path):
    before = path.read_bytes()
    Calibration.read(path, LABELS).write(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_probabilities_are_the_sigmoid_of_scaled_and_shifted_logits():
    logits = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    found = Calibration(LABELS, np.array([[2.0, 1.0], [0.5, -3.0]]), THRESHOLDS).probabilities(logits)
    wide = logits.astype(float)
    np.testing.assert_allclose(found, expit(np.column_stack([2 * wide[:, 0] + 1, 0.5 * wide[:, 1] - 3])))
    assert found.dtype == np.float64


@pytest.mark.parametrize("labels", [["Edema"], LABELS[::-1], ["Edema", "Fracture"], [*LABELS, "Fracture"], []])
def test_a_calibration_of_other_labels_is_refused(path, labels):
    with pytest.raises(BadInput, match=r"student\.calibration\.json: ") as caught:
        Calibration.read(path, labels)
    assert "\n" not in str(caught.value)


SOUND = {"scale": 2.0, "shift": -1.0, "threshold": 0.5}
WRONG = [
    {"scale": 0.0},
    {"scale": -2.0},
    {"scale": float("nan")},
    {"scale": float("inf")},
    {"scale": None},
    {"scale": "a"},
    {"scale": [1.0, 0.0]},
    {"scale": 10**400},
    {"shift": float("-inf")},
    {"shift": float("nan")},
    {"shift": {}},
    {"threshold": -0.1},
    {"threshold": 1.1},
    {"threshold": float("nan")},
    {"threshold": None},
]


NO_POINTS = {"operating_point": None, "operating_points": {}}


def content_of(labels, exclusive=False, points=NO_POINTS):
    return json.dumps({"exclusive": exclusive, "labels": labels} | points)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:30])
def test_a_calibration_with_a_wrong_number_is_refused(path, wrong):
    content = dict.fromkeys(LABELS, SOUND)
    path.write_text(content_of(content))
    Calibration.read(path, LABELS)  # it is the number alone that is refused
    path.write_text(content_of(content | {"Edema": SOUND | wrong}))
    with pytest.raises(BadInput, match=r"student\.calibration\.json: ") as caught:
        Calibration.read(path, LABELS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("exclusive", [None, 1, "yes", [], True])
def test_thresholds_and_whether_classes_are_exclusive_must_agree(path, exclusive):
    path.write_text(content_of(dict.fromkeys(LABELS, SOUND), exclusive))
    with pytest.raises(BadInput, match=r"student\.calibration\.json: "):
        Calibration.read(path, LABELS)


@pytest.mark.parametrize(
    ("point", "points"),
    [
        ("f1=max", {}),
        (None, {"f1=max": [0.5, 0.5]}),
        ("f1=max", {"f1=max": [0.5, 0.4]}),  # those of the labels are 0.5
        ("f1=max", {"f1=max": [0.5]}),
        ("f1=max", {"f1=max": [0.5, 0.5], "sensitivity=0.95": [0.5, 1.5]}),
        ("f1=max", [0.5, 0.5]),
    ],
)
def test_operating_points_that_do_not_suit_the_thresholds_are_refused(path, point, points):
    good = {"operating_point": "f1=max", "operating_points": {"f1=max": [0.5, 0.5], "sensitivity=0.95": [0.1, 0.2]}}
    path.write_text(content_of(dict.fromkeys(LABELS, SOUND), points=good))
    found = Calibration.read(path, LABELS)
    assert found.operating_point == "f1=max" and found.operating_points["sensitivity=0.95"].tolist() == [0.1, 0.2]
    wrong = {"operating_point": point, "operating_points": points}
    path.write_text(content_of(dict.fromkeys(LABELS, SOUND), points=wrong))
    with pytest.raises(BadInput, match=r"student\.calibration\.json: "):
        Calibration.read(path, LABELS)


DAMAGED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"[1, 2]",
    b'"Edema"',
    b"{}",
    b'{"exclusive": false}',
    b'{"exclusive": false, "labels": null}',
    b'{"exclusive": false, "labels": ["Edema"]}',
    b'{"exclusive": false, "labels": {"Edema": null}}',
    b'{"exclusive": false, "labels": {"Edema": [2.0, -1.0, 0.5]}}',
    b'{"exclusive": false, "labels": {"Edema": {"scale": 2.0, "shift": -1.0}}}',
    b'{"labels": {"Edema": {"scale": 2.0, "shift": -1.0, "threshold": 0.5}}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:20]))
def test_a_damaged_calibration_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"student\.calibration\.json: ") as caught:
        Calibration.read(path, ["Edema"])
    assert "\n" not in str(caught.value)


def test_a_missing_calibration_is_refused(tmp_path):
    with pytest.raises(BadInput, match="expected what `evaluate` writes"):
        Calibration.read(tmp_path / "student.calibration.json", LABELS)


# what `evaluate` chooses


def test_evaluate_chooses_a_calibration_and_thresholds_of_six_digits_on_dev(halves):
    labels = prepared.read(halves, "dev").labels
    logits = np.random.default_rng(0).normal(size=labels.shape) + labels
    found = choose(LABELS, labels, logits, exclusive=False)
    np.testing.assert_array_equal(found.platt, fit(labels, logits))
    best = metrics.thresholds(labels, found.probabilities(logits))
    # rounded down, so that an image at the best threshold stays positive
    assert (found.thresholds <= best).all() and (best - found.thresholds < 1e-6).all()
    np.testing.assert_allclose(found.thresholds * 1e6, np.round(found.thresholds * 1e6), atol=1e-6)


def test_evaluate_chooses_no_thresholds_for_exclusive_classes():
    labels = np.eye(2)[np.arange(40) % 2]
    logits = np.random.default_rng(0).normal(size=labels.shape) + labels
    found = choose(LABELS, labels, logits, exclusive=True)
    assert found.exclusive and found.thresholds is None
    np.testing.assert_array_equal(found.platt, fit_exclusive(labels, logits))


# predictions


@pytest.fixture
def split(halves):
    return prepared.read(halves, "test")


@pytest.fixture
def predictions(tmp_path, split):
    """A file of predictions, and the probabilities (4, 2) in it."""
    probabilities = np.array([[0.0, 1.0], [0.25, 1e-9], [0.123456, 0.999999], [0.5, 0.75]])
    write_predictions(tmp_path / "predictions/student.csv", split, probabilities)
    return tmp_path / "predictions/student.csv", probabilities


def test_predictions_come_back_from_their_file_with_six_digits(predictions, split):
    path, probabilities = predictions
    assert path.read_text().splitlines()[:2] == ["image,left,top", "test/0.png,0.000000,1.000000"]
    np.testing.assert_allclose(read_predictions(path, split), probabilities, atol=5e-7)


@pytest.mark.parametrize("name", ["NA", "007", "a,b", 'a"b', "ä", "1e5"])
def test_every_name_of_an_image_comes_back(tmp_path, split, name):
    split.image_id[1] = name
    write_predictions(tmp_path / "student.csv", split, np.full((4, 2), 0.5))
    assert read_predictions(tmp_path / "student.csv", split).tolist() == [[0.5, 0.5]] * 4


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("test/1.png", "test/9.png"),
        ("image,left,top", "image,top,left"),
        ("image,left,top", "image,left,right"),
        ("image,left,top", "name,left,top"),
        ("test/3.png,0.500000,0.750000\n", ""),
        ("0.250000", "high"),
        ("0.250000", ""),
    ],
)
def test_predictions_of_something_else_are_refused(predictions, split, old, new):
    path, _ = predictions
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=r"student\.csv: ") as caught:
        read_predictions(path, split)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"\x89PNG\r\n", b'image,left,top\n"'])
def test_a_file_that_holds_no_predictions_is_refused(predictions, split, content):
    path, _ = predictions
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(BadInput, match=r"student\.csv: ") as caught:
        read_predictions(path, split)
    assert "\n" not in str(caught.value)
