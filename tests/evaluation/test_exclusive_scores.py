"""The scores of classes that exclude one another, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    roc_auc_score,
)

from rayling.common.atomic import write_json
from rayling.evaluation import bootstrap, metrics
from rayling.evaluation.scores import macro_scores
from tests.evaluation.drawn import NAMES, scores_of


def classes(rng, images=200, unknown=0.0, none=0.0):
    """Labels (N, 4) of one class each, some unknown or of no class; probabilities (N, 4), and the true classes (N,)."""
    true = rng.choice(4, size=images, p=[0.5, 0.3, 0.05, 0.15])
    labels = np.eye(4, dtype=np.float32)[true]
    drawn = np.exp(rng.normal(size=labels.shape) + 1.5 * labels)
    labels[rng.random(images) < none] = 0
    labels[rng.random(images) < unknown] = np.nan
    return labels, drawn / drawn.sum(axis=1, keepdims=True), true


def class_scores(labels, probabilities, **changes):
    """All scores of exclusive classes."""
    constant = metrics.constant_answer(labels, exclusive=True)
    return scores_of(labels, probabilities, **{"thresholds": None, "constant": constant} | changes)


def test_the_scores_of_exclusive_classes_are_scikit_learns_for_the_most_probable_class(rng):
    labels, probabilities, true = classes(rng)
    answered, found = probabilities.argmax(axis=1), class_scores(labels, probabilities)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, answered))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(true, answered))
    assert found["f1"]["macro"] == pytest.approx(f1_score(true, answered, average="macro"))
    matrix = [list(row.values()) for row in found["confusion"].values()]
    np.testing.assert_array_equal(matrix, confusion_matrix(true, answered))
    assert list(found["confusion"]) == list(found["confusion"]["mass"]) == NAMES
    assert found["threshold"] == dict.fromkeys(NAMES)
    assert found["auroc"]["macro"] == pytest.approx(roc_auc_score(true, probabilities, multi_class="ovr"))


def test_a_row_without_a_known_class_counts_in_no_accuracy(rng):
    labels, probabilities, true = classes(rng, unknown=0.2, none=0.1)
    there, found = (labels == 1).any(axis=1), class_scores(labels, probabilities)
    assert 100 < there.sum() < 180
    answered = probabilities.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(accuracy_score(true[there], answered[there]))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(true[there], answered[there]))
    decided = np.eye(4)[answered] == 1
    np.testing.assert_array_equal(metrics.confusion(labels, decided), confusion_matrix(true[there], answered[there]))


def test_the_intervals_of_both_accuracies_are_those_of_a_loop_over_resamples(rng):
    labels, probabilities, true = classes(rng, unknown=0.1)
    patients, answered = (np.arange(200) // 3).astype(str), probabilities.argmax(axis=1)
    there = (labels == 1).any(axis=1)
    found = class_scores(labels, probabilities, patients=patients, seed=5, resamples=50)
    drawn = {"accuracy": [], "balanced_accuracy": []}
    for weight in bootstrap.patient_weights(patients, seed=5, resamples=50):
        rows = np.repeat(np.arange(200), (weight * there).astype(int))
        drawn["accuracy"].append(np.mean(true[rows] == answered[rows]))
        of_class = [answered[rows][true[rows] == k] == k for k in range(4) if (true[rows] == k).any()]
        drawn["balanced_accuracy"].append(np.mean([np.mean(right) for right in of_class]))
    for name, values in drawn.items():
        expected = np.quantile(values, [0.025, 0.975])
        assert [found[f"{name}_low"], found[f"{name}_high"]] == pytest.approx(expected)


def test_the_constant_answer_of_exclusive_classes_is_the_commonest_one(rng):
    labels, probabilities, _ = classes(rng, unknown=0.1)
    found = class_scores(labels, probabilities)["constant"]
    assert found["answers"] == "effusion"
    assert found["accuracy"] == pytest.approx(np.nanmean(labels[:, 0])) and found["balanced_accuracy"] == 0.25
    # two labels, each in half of the images, have the best micro F1 together, but are no single answer
    assert metrics.constant_answer(np.eye(2)[[0, 1]], exclusive=False).sum() == 2
    assert metrics.constant_answer(np.eye(2)[[0, 1]], exclusive=True).tolist() == [True, False]


def test_without_a_known_class_no_accuracy_is_defined(rng, tmp_path):
    labels, probabilities, _ = classes(rng, unknown=1.0)
    found = class_scores(labels, probabilities)
    assert [found[key] for key in ("accuracy", "accuracy_low", "balanced_accuracy_high")] == [None] * 3
    write_json(tmp_path / "student.json", found)


def test_the_scores_on_dev_have_the_accuracies_of_all_scores(rng):
    labels, probabilities, _ = classes(rng)
    found, macro = (
        class_scores(labels, probabilities),
        macro_scores(labels=labels, probabilities=probabilities, thresholds=None),
    )
    assert {key: macro[key] for key in ("accuracy", "balanced_accuracy")} == {
        key: found[key] for key in ("accuracy", "balanced_accuracy")
    }
