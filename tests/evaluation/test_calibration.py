"""Calibration, compared with its definitions, slow searches and scikit-learn's own calibration."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.svm import LinearSVC

from rayling.evaluation import auroc, calibration, metrics
from rayling.evaluation.results import calibrated

IDENTITY = [1.0, 0.0]


@pytest.fixture
def rng():
    return np.random.Generator(np.random.Philox(11))


def drawn(rng, *, platt, images=400, unknown=0.2):
    """Labels that are present with the probability that `platt` (K, 2) makes of the logits; some are unknown."""
    logits = rng.normal(size=(images, len(platt)), scale=2).astype(np.float32)
    scale, shift = np.array(platt).T
    labels = (rng.random(logits.shape) < expit(scale * logits + shift)).astype(np.float32)
    labels[rng.random(labels.shape) < unknown] = np.nan
    return labels, logits


def targets(truth):
    """Platt 1999, section 2.2."""
    positives, negatives = (truth == 1).sum(), (truth == 0).sum()
    return np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def test_the_fit_minimises_the_cross_entropy_to_platts_targets(rng):
    labels, logits = drawn(rng, platt=[[0.5, -1], [2, 0.5], [1, -4]])
    probabilities = calibrated(logits, calibration.fit(labels, logits))
    for k, (truth, probability) in enumerate(auroc.by_label(labels, probabilities)):
        # The cross-entropy is convex in scale and shift: both derivatives are zero at its only minimum.
        off = probability - targets(truth)
        assert off.sum() == pytest.approx(0, abs=1e-4)
        assert off @ logits[~np.isnan(labels[:, k]), k] == pytest.approx(0, abs=1e-4)


def test_the_probabilities_are_those_of_scikit_learns_sigmoid_calibration(rng):
    seen, other = rng.normal(size=(2, 200, 3))
    truth = (other[:, 0] + rng.normal(size=200) > 0.3).astype(float)
    machine = LinearSVC().fit(seen, seen[:, 0] > 0)
    expected = CalibratedClassifierCV(FrozenEstimator(machine), method="sigmoid").fit(other, truth)
    scores = [machine.decision_function(each)[:, None] for each in (other, seen)]
    found = calibrated(scores[1], calibration.fit(truth[:, None], scores[0]))
    np.testing.assert_allclose(found[:, 0], expected.predict_proba(seen)[:, 1], atol=1e-4)


def test_the_scale_and_shift_that_the_labels_were_drawn_with_are_found(rng):
    truth = [[0.5, -1], [2, 0.5]]
    assert calibration.fit(*drawn(rng, platt=truth, images=40_000)) == pytest.approx(np.array(truth), abs=0.1)


def test_an_unknown_entry_does_not_count_even_if_its_logit_is_nan(rng):
    labels, logits = drawn(rng, platt=[[0.5, -1], [2, 0.5]])
    known = ~np.isnan(labels)
    alone = [calibration.fit(labels[k, j : j + 1], logits[k, j : j + 1])[0] for j, k in enumerate(known.T)]
    np.testing.assert_array_equal(calibration.fit(labels, np.where(known, logits, np.nan)), alone)


def test_the_same_data_give_the_same_bytes(rng):
    data = drawn(rng, platt=[[0.5, -1]])
    assert calibration.fit(*data).tobytes() == calibration.fit(*data).tobytes()


def test_the_same_rows_in_another_order_give_the_same_bytes(rng):
    labels, logits = drawn(rng, platt=[[0.5, -1], [2, 0]])
    even = np.array([[0], [0], [1], [1.0]]), np.array([[-2.0], [-1.0], [1.0], [2.0]])  # a shift of 0 has two signs
    for truth, scores in ((labels, logits), even):
        orders = [np.arange(len(truth)), *(rng.permutation(len(truth)) for _ in range(30))]
        assert len({calibration.fit(truth[order], scores[order]).tobytes() for order in orders}) == 1


def test_a_label_without_positives_and_negatives_stays_as_it_is(rng):
    labels, logits = drawn(rng, platt=[[2, 1]] * 4, unknown=0)
    labels[:, 0], labels[:, 1], labels[:, 2] = 1, 0, np.nan
    platt = calibration.fit(labels, logits)
    assert platt[:3].tolist() == [IDENTITY] * 3
    assert platt[3].tolist() != IDENTITY
    assert calibration.fit(labels[:0], logits[:0]).tolist() == [IDENTITY] * 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ranking", ["reversed", "all equal"])
def test_a_network_that_ranks_no_better_than_chance_is_not_calibrated(rng, ranking):
    labels, logits = drawn(rng, platt=[[2, 0]])
    logits = -logits if ranking == "reversed" else np.full_like(logits, -3.7)
    assert calibration.fit(labels, logits).tolist() == [IDENTITY]


def test_a_perfectly_separated_dev_gives_no_certain_probabilities():
    labels, logits = np.array([[0], [0], [0], [1], [1.0]]), np.array([[-30], [-2], [-1], [1], [40.0]])
    probabilities = calibrated(logits, calibration.fit(labels, logits))
    # The mean is that of Platt's targets: three of 1/5, two of 3/4.
    assert probabilities.mean() == pytest.approx((3 / 5 + 6 / 4) / 5, abs=1e-6)
    assert (probabilities < 1 - 1e-3).all() and (probabilities > 1e-3).all()


def test_calibration_changes_neither_ranking_nor_auroc(rng):
    labels, logits = drawn(rng, platt=[[0.1, -3], [3, 2], [1, 0]])
    logits *= 5  # far out float32 would tie at 1
    probabilities = calibrated(logits, calibration.fit(labels, logits))
    np.testing.assert_array_equal(np.argsort(probabilities, axis=0), np.argsort(logits, axis=0))
    assert auroc.per_label(labels, probabilities) == auroc.per_label(labels, logits)


def test_an_overconfident_network_is_calibrated_on_images_that_it_was_not_fitted_on(rng):
    platt = [[0.4, -1]] * 3
    (labels, logits), (of_test, on_test) = (drawn(rng, platt=platt, images=2_000) for _ in range(2))
    after = calibrated(on_test, calibration.fit(labels, logits))
    for (truth, score), (_, fitted) in zip(
        auroc.by_label(of_test, expit(on_test)), auroc.by_label(of_test, after), strict=True
    ):
        assert metrics.calibration_error(truth, fitted) < 0.5 * metrics.calibration_error(truth, score)


def test_calibration_scales_and_shifts_each_label_by_its_own(rng):
    logits = rng.normal(size=(20, 2))
    probabilities = calibrated(logits, np.array([[2.0, 1.0], IDENTITY]))
    np.testing.assert_allclose(logit(probabilities), np.column_stack([2 * logits[:, 0] + 1, logits[:, 1]]))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_data_that_cannot_be_fitted_are_refused(rng, wrong):
    labels, logits = drawn(rng, platt=[[1, 0], [1, 0]])
    with pytest.raises(ValueError, match="shape"):
        calibration.fit(labels[:, :1], logits)
    logits[np.flatnonzero(~np.isnan(labels[:, 0]))[0], 0] = wrong
    with pytest.raises(ValueError, match="NaN or infinite"):
        calibration.fit(labels, logits)


# classes that exclude one another


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


def test_with_an_equal_class_mix_the_mix_of_dev_does_not_matter(rng):
    labels, logits = drawn_classes(rng, scale=0.5, shift=[1, 0, -1], images=20_000)
    rare = labels[:, 0] == 1
    fewer = ~rare | (np.cumsum(rare) % 4 == 0)  # a quarter of the first class
    found, expected = (
        calibration.fit_exclusive(labels[rows], logits[rows], class_mix="equal") for rows in (fewer, slice(None))
    )
    np.testing.assert_allclose(found, expected, atol=0.06)
    of_dev = [calibration.fit_exclusive(labels[rows], logits[rows])[0, 1] for rows in (fewer, slice(None))]
    assert of_dev[0] < of_dev[1] - 0.5  # the shift of a rarer class is lower by about log(4) · 2/3


def test_an_equal_class_mix_is_dev_with_each_rare_row_repeated(rng):
    labels, logits = np.eye(2)[np.arange(90) % 3 // 2], rng.normal(size=(90, 2))  # 60 rows of one class, 30 of the other
    logits += labels
    balanced = np.concatenate([np.arange(90), np.flatnonzero(labels[:, 1])])
    found = calibration.fit_exclusive(labels, logits, class_mix="equal")
    expected = calibration.fit_exclusive(labels[balanced], logits[balanced])
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.03)  # Platt's targets see 60 rows instead of 30
