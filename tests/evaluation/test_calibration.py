"""Calibration of labels, compared with its definition and with scikit-learn's own."""

import numpy as np
import pytest
from scipy.special import expit, logit
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
