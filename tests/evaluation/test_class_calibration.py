"""Calibration of classes that exclude one another, compared with a slow search and with that of labels."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import softmax

from rayling.evaluation import calibration, metrics
from rayling.evaluation.results import calibrated

IDENTITY = [1.0, 0.0]


@pytest.fixture
def rng():
    return np.random.Generator(np.random.Philox(11))


def drawn_classes(rng, *, scale, shift, images=600):
    """Labels (N, K) of one class each, with the probabilities softmax(scale · logits + shift), and logits."""
    logits = rng.normal(size=(images, len(shift)), scale=2).astype(np.float32)
    probabilities = softmax(scale * logits + np.array(shift), axis=1)
    true = (probabilities.cumsum(axis=1) > rng.random((images, 1))).argmax(axis=1)
    return np.eye(len(shift), dtype=np.float32)[true], logits


def class_targets(labels):
    """Platt's targets for K classes: Laplace's rule of succession for the share of a class among its own rows."""
    rows, (count, classes) = labels.sum(axis=0), labels.shape
    target = np.empty((count, classes))
    for n, k in enumerate(labels.argmax(axis=1)):
        target[n] = 1 / (rows[k] + classes)
        target[n, k] += rows[k] / (rows[k] + classes)
    return target


def test_the_fit_of_classes_has_the_least_cross_entropy_that_a_slow_search_finds(rng):
    labels, logits = drawn_classes(rng, scale=0.4, shift=[1, -1, 0.5])
    target = class_targets(labels)

    def cross_entropy(parameters):
        return -(target * np.log(softmax(parameters[0] * logits + [*parameters[1:], 0], axis=1))).sum()

    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 10_000, "maxfev": 10_000}
    slow = minimize(cross_entropy, [1, 0, 0], method="Nelder-Mead", options=options).x
    found = calibration.fit_exclusive(labels, logits)
    assert found[:, 0] == pytest.approx(np.full(3, slow[0]), abs=1e-6)
    shifts = np.array([*slow[1:], 0])
    assert found[:, 1] == pytest.approx(shifts - shifts.mean(), abs=1e-6)
    assert found[:, 1].mean() == pytest.approx(0, abs=1e-8)


def test_two_classes_are_calibrated_as_one_label_with_the_difference_of_the_logits(rng):
    labels, logits = drawn_classes(rng, scale=0.7, shift=[0.5, -0.5])
    as_label = calibrated(logits[:, 1:] - logits[:, :1], calibration.fit(labels[:, 1:], logits[:, 1:] - logits[:, :1]))
    as_classes = calibrated(logits, calibration.fit_exclusive(labels, logits), exclusive=True)
    np.testing.assert_allclose(as_classes[:, 1], as_label[:, 0], atol=1e-6)


def test_the_scale_and_shifts_that_the_classes_were_drawn_with_are_found(rng):
    found = calibration.fit_exclusive(*drawn_classes(rng, scale=0.5, shift=[1, 0, -1], images=40_000))
    assert found == pytest.approx(np.array([[0.5, 1], [0.5, 0], [0.5, -1]]), abs=0.05)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_the_unit_of_the_logits_does_not_matter(rng, unit):
    labels, logits = drawn_classes(rng, scale=0.5, shift=[1, 0, -1])
    found, expected = (calibration.fit_exclusive(labels, each) for each in (logits * unit, logits))
    np.testing.assert_allclose(found * [unit, 1], expected, rtol=1e-6, atol=1e-6)


def test_a_row_without_a_known_class_does_not_count(rng):
    labels, logits = drawn_classes(rng, scale=0.5, shift=[1, 0, -1])
    expected = calibration.fit_exclusive(labels, logits)
    more = np.vstack([labels, np.full((5, 3), np.nan, np.float32), np.zeros((5, 3), np.float32)])
    filled = np.vstack([logits, np.full((5, 3), np.nan, np.float32), np.full((5, 3), 9, np.float32)])
    np.testing.assert_array_equal(calibration.fit_exclusive(more, filled), expected)


def test_the_same_rows_of_classes_in_another_order_give_the_same_bytes(rng):
    labels, logits = drawn_classes(rng, scale=0.5, shift=[1, 0, -1])
    orders = [np.arange(600), *(rng.permutation(600) for _ in range(30))]
    assert len({calibration.fit_exclusive(labels[order], logits[order]).tobytes() for order in orders}) == 1


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_calibrated_as_classes_stays_as_it_is(rng):
    labels, logits = drawn_classes(rng, scale=2, shift=[0, 0, 0])
    lacking = labels[:, 2] == 0
    constant, offsets = np.ones_like(logits) * [1, 2, 3], rng.normal(size=(600, 1))
    cases = [
        (labels[lacking], logits[lacking]),
        (labels[:0], logits[:0]),
        (labels, -logits),
        (labels, constant),
        (labels, constant + offsets),
        (np.full_like(labels, np.nan), logits),
    ]
    for case in cases:
        assert calibration.fit_exclusive(*case).tolist() == [IDENTITY] * 3


def test_perfectly_separated_classes_get_no_certain_probabilities():
    labels = np.eye(3)[np.arange(30) % 3]
    platt = calibration.fit_exclusive(labels, 50 * labels - 7)
    probabilities = calibrated(50 * labels - 7, platt, exclusive=True)
    np.testing.assert_allclose(probabilities, class_targets(labels), atol=1e-6)


def test_overconfident_classes_are_calibrated_on_images_that_they_were_not_fitted_on(rng):
    (labels, logits), (of_test, on_test) = (
        drawn_classes(rng, scale=0.3, shift=[0.5, 0, -0.5], images=2_000) for _ in range(2)
    )
    after = calibrated(on_test, calibration.fit_exclusive(labels, logits), exclusive=True)
    before, after = (metrics.mean_calibration_error(of_test, each) for each in (softmax(on_test, axis=1), after))
    assert after < 0.5 * before


def test_without_shifts_the_scale_is_that_of_the_least_cross_entropy_and_no_decision_changes(rng):
    labels, logits = drawn_classes(rng, scale=0.4, shift=[1, -1, 0.5])
    target = class_targets(labels)

    def cross_entropy(scale):
        return -(target * np.log(softmax(scale * logits, axis=1))).sum()

    found = calibration.fit_exclusive(labels, logits, shifts=False)
    slow = minimize_scalar(cross_entropy, bounds=(1e-3, 10), method="bounded", options={"xatol": 1e-9}).x
    assert found[:, 0] == pytest.approx(np.full(3, slow), abs=1e-6)
    assert found[:, 1].tolist() == [0, 0, 0]


def test_the_class_mix_of_train_leaves_the_shifts_out(rng):
    labels, logits = drawn_classes(rng, scale=0.4, shift=[1, -1, 0.5])
    for class_mix, shifts in (("dev", True), ("train", False)):
        found = calibration.choose(["a", "b", "c"], labels, logits, exclusive=True, class_mix=class_mix)
        np.testing.assert_array_equal(found.platt, calibration.fit_exclusive(labels, logits, shifts=shifts))
