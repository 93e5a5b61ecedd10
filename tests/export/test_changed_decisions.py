"""How often a file in 8 bits decides otherwise than the network: the share of decisions, and its interval."""

from types import SimpleNamespace

import numpy as np
import pytest

from rayling.evaluation import bootstrap
from rayling.evaluation.results import decisions
from stages.quantise import changed_decisions


def changed(first, second, *, thresholds, patients):
    """The share for a model with these thresholds; None for exclusive labels."""
    model = SimpleNamespace(exclusive=thresholds is None, decide=lambda p: decisions(p, thresholds))
    weights = bootstrap.patient_weights(patients, seed=0, resamples=500)
    return changed_decisions(model, first, second, groups=patients, weights=weights)


def test_a_decision_changes_where_a_probability_crosses_its_threshold():
    first, second = np.full((40, 2), [0.3, 0.6]), np.full((40, 2), [0.35, 0.61])
    second[:8, 0] = 0.41
    found = changed(first, second, thresholds=np.array([0.4, 0.5]), patients=np.arange(40) // 2)
    assert found["changed_decisions"] == pytest.approx(8 / 80)
    # of 20 patients 4 change, in half of their decisions: the quantiles of a binomial
    assert found["changed_decisions_low"] == pytest.approx(0.5 * 1 / 20, abs=0.026)
    assert found["changed_decisions_high"] == pytest.approx(0.5 * 8 / 20, abs=0.026)


def test_an_image_of_exclusive_labels_has_one_decision():
    first = np.full((40, 3), [0.5, 0.3, 0.2])
    second = first.copy()
    second[:10] = [0.4, 0.5, 0.1]
    assert changed(first, second, thresholds=None, patients=np.arange(40))["changed_decisions"] == 0.25


def test_without_a_change_the_interval_still_says_how_many_patients_there_were():
    same = np.full((30, 1), 0.5)
    found = changed(same, same, thresholds=np.array([0.4]), patients=np.arange(30))
    assert found["changed_decisions"] == 0 and found["changed_decisions_high"] == pytest.approx(0.1157, abs=1e-4)
    few = changed(same[:9], same[:9], thresholds=np.array([0.4]), patients=np.arange(9))
    assert few["changed_decisions_low"] is few["changed_decisions_high"] is None
