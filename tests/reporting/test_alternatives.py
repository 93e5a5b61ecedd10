"""Texts for those who do not see the pictures name the numbers that the pictures show."""

import pandas as pd

from rayling.reporting import alternatives

SCORE = {"macro": 0.8, "per_label": {"edema": 0.7, "mass": 0.9, "hernia": None}, "uncalibrated": 0.25}
SCORES = dict.fromkeys(["auroc", "average_precision", "f1", "calibration_error"], SCORE)


def test_a_curve_is_described_by_its_mean_and_its_extremes():
    found = alternatives.curves("teacher", SCORES)
    assert found["roc"].endswith("AUROC 0.800 on average, from 0.700 (edema) to 0.900 (mass).")
    assert "teacher" in found["roc"] and found["calibration"].endswith("without calibration 0.250.")
    assert list(found)[-1] == "cooccurrence"


def test_one_label_has_no_extremes():
    one = SCORE | {"per_label": {"edema": 0.8}}
    found = alternatives.curves("student", dict.fromkeys(SCORES, one) | {"accuracy": 0.75, "balanced_accuracy": None})
    assert found["roc"].endswith("AUROC 0.800 on average.")
    assert found["confusion"].endswith("Accuracy 0.750, balanced accuracy –.") and "cooccurrence" not in found


def test_training_is_described_by_the_best_epoch_of_each_network():
    history = pd.DataFrame({"epoch": [0, 1, 2], "dev_auroc": [0.6, 0.8, 0.7]})
    assert alternatives.training({"student": history}).endswith("student 0.800 in epoch 1.")
