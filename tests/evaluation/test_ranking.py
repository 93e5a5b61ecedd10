"""The intervals of each label, against a loop over resamples with scikit-learn; none where few patients bear them."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from rayling.evaluation import bootstrap
from rayling.evaluation.ranking import ranking_scores
from tests.evaluation.drawn import NAMES, split

THEIRS = {"auroc": roc_auc_score, "average_precision": average_precision_score}


def ranked(labels, probabilities, groups):
    """The scores, and the resamples that their intervals are of."""
    weights = bootstrap.patient_weights(groups, seed=5, resamples=40)
    about = {"names": NAMES, "labels": labels, "probabilities": probabilities, "groups": groups, "weights": weights}
    return ranking_scores(**about), weights


def test_the_intervals_are_those_of_a_loop_over_resamples(rng):
    labels, probabilities = split(rng, images=240, unknown=0.1, decimals=1)
    found, weights = ranked(labels, probabilities, np.arange(240) // 2)
    for name, theirs in THEIRS.items():
        drawn = np.zeros((40, 4))
        for place, (truth, score) in enumerate(zip(labels.T, probabilities.T, strict=True)):
            for n, weight in enumerate(weights):
                rows = np.repeat(np.arange(240), weight.astype(int))
                rows = rows[~np.isnan(truth[rows])]
                drawn[n, place] = theirs(truth[rows], score[rows])
        for end, share in {"low": 0.025, "high": 0.975}.items():
            each = np.quantile(drawn, share, axis=0)
            assert list(found[name][f"per_label_{end}"].values()) == pytest.approx(each)
            assert found[name][f"macro_{end}"] == pytest.approx(np.quantile(drawn.mean(axis=1), share))
        assert list(found[name]["per_label_low"]) == list(found[name]["per_label_high"]) == NAMES


def test_a_label_with_nine_patients_has_a_score_and_no_interval(rng):
    labels, probabilities = split(rng)
    labels[:, 2] = np.arange(300) < 9
    found, _ = ranked(labels, probabilities, np.arange(300))
    for score in found.values():
        assert score["per_label"]["fracture"] > 0
        assert score["per_label_low"]["fracture"] is score["per_label_high"]["fracture"] is None
        assert score["per_label_low"]["edema"] < score["per_label"]["edema"] < score["per_label_high"]["edema"]
        assert score["macro_low"] < score["macro"] < score["macro_high"]


def test_three_films_have_no_interval_at_all():
    found, _ = ranked(np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]), np.eye(3, 4), np.arange(3))
    assert found["auroc"]["macro"] == 1 and found["auroc"]["macro_low"] is found["auroc"]["macro_high"] is None
