"""Net benefit: against its definition image by image, and where its value is known."""

import numpy as np
import pytest

from rayling.evaluation.decision_curve import THRESHOLDS, net_benefit


def test_it_is_what_each_image_is_worth_on_average(rng):
    truth, probability = (rng.random(200) < 0.3).astype(float), rng.random(200)
    for threshold, found in zip(THRESHOLDS, net_benefit(truth, probability), strict=True):
        cost = threshold / (1 - threshold)
        worth = [(1 if y else -cost) if p >= threshold else 0 for y, p in zip(truth, probability, strict=True)]
        assert found == pytest.approx(np.mean(worth))


def test_certain_answers_are_worth_the_share_of_positives_and_no_answer_more(rng):
    truth = (rng.random(500) < 0.2).astype(float)
    assert net_benefit(truth, truth) == pytest.approx(np.full(99, truth.mean()))
    assert (net_benefit(truth, rng.random(500)) <= truth.mean()).all()


def test_acting_on_all_is_worth_nothing_where_the_threshold_is_the_share_of_positives():
    truth = np.r_[np.ones(20), np.zeros(80)]
    assert net_benefit(truth, np.ones(100), np.array([0.2])) == pytest.approx(0, abs=1e-12)
    assert net_benefit(truth, np.zeros(100)) == pytest.approx(np.zeros(99))
