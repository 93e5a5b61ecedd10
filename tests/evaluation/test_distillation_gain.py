"""Whether distillation pays, on constructed probabilities, against a loop over resamples and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from rayling.evaluation import bootstrap, distillation_gain

BETTER, SAME, WORSE = distillation_gain.BETTER, distillation_gain.SAME, distillation_gain.WORSE


@pytest.fixture
def rng():
    return np.random.Generator(np.random.Philox(4))


def answers(rng, labels, *, noise):
    """Probabilities (N, K) that sum to 1 and are the better the less noise there is."""
    drawn = np.exp(2 * labels + rng.normal(size=labels.shape, scale=noise))
    return drawn / drawn.sum(axis=1, keepdims=True)


def measured(rng, *, taught, alone, exclusive=True, images=300):
    """The gains of a student with this much noise over another on classes that exclude one another."""
    labels = np.eye(3)[rng.integers(3, size=images)]
    of = {"taught": answers(rng, labels, noise=taught), "alone": answers(rng, labels, noise=alone)}
    return distillation_gain.gains(labels, **of, groups=np.arange(images) // 2, exclusive=exclusive, seed=0)


@pytest.mark.parametrize(
    ("taught", "alone", "verdict", "said"),
    [
        (0.8, 2.0, BETTER, "Distillation helps here"),
        (1.5, 1.5, SAME, "No difference can be shown"),
        (2.0, 0.8, WORSE, "Distillation harms here"),
    ],
)
@pytest.mark.parametrize("exclusive", [True, False])
def test_the_remark_says_whether_the_student_is_better_the_same_or_worse(rng, taught, alone, verdict, said, exclusive):
    found = measured(rng, taught=taught, alone=alone, exclusive=exclusive)
    assert distillation_gain.verdict(found, learn_from="teacher") == verdict
    remark = distillation_gain.remark(found, learn_from="teacher")
    assert remark.startswith(said) and "learned from the teacher" in remark
    assert ("learn_from: labels" in remark) == (verdict == WORSE)
    assert ("accuracy" in remark) == exclusive
    assert f"{found['auroc']['taught']:.3f} against {found['auroc']['alone']:.3f}" in remark


def gain(low, high):
    return {
        "taught": 0.9,
        "alone": 0.9 - (low + high) / 2,
        "gain": (low + high) / 2,
        "gain_low": low,
        "gain_high": high,
    }


@pytest.mark.parametrize(
    ("of_auroc", "of_accuracy", "verdict"),
    [
        ((0.01, 0.02), (-0.03, -0.01), WORSE),  # one score that falls is harm, whatever the other does
        ((-0.03, -0.01), (0.01, 0.02), WORSE),
        ((0.01, 0.02), (-0.01, 0.01), BETTER),
        ((-0.01, 0.01), (0.0, 0.02), SAME),  # zero lies in the interval
        ((-0.02, 0.0), (-0.01, 0.01), SAME),
    ],
)
def test_two_scores_give_one_verdict(of_auroc, of_accuracy, verdict):
    found = {"auroc": gain(*of_auroc), "accuracy": gain(*of_accuracy)}
    assert distillation_gain.verdict(found, learn_from="assistant") == verdict
    assert distillation_gain.verdict(found, learn_from="labels") == distillation_gain.NOT_TAUGHT


def test_a_student_that_nobody_taught_is_not_said_to_be_harmed(rng):
    found = measured(rng, taught=2.0, alone=0.8)
    remark = distillation_gain.remark(found, learn_from="labels")
    assert "learned from the labels alone" in remark and "harms" not in remark and "ship" not in remark


def test_the_interval_is_that_of_a_loop_over_paired_resamples_of_patients(rng):
    labels, patients = np.eye(3)[rng.integers(3, size=120)], np.arange(120) // 3
    labels[:10] = np.nan
    taught, alone = (answers(rng, labels, noise=noise).round(2) for noise in (1.0, 1.3))
    taught[:10] = alone[:10] = 1 / 3
    settings = {"groups": patients, "exclusive": True, "seed": 4, "resamples": 40}
    found = distillation_gain.gains(labels, taught=taught, alone=alone, **settings)
    drawn = {"auroc": [], "accuracy": []}
    for weight in bootstrap.patient_weights(patients, seed=4, resamples=40):
        rows = np.repeat(np.arange(10, 120), weight[10:].astype(int))
        truth, pair = labels[rows].argmax(axis=1), (taught[rows], alone[rows])
        of_pair = [accuracy_score(truth, each.argmax(axis=1)) for each in pair]
        drawn["accuracy"].append(of_pair[0] - of_pair[1])
        of_pair = [np.mean([roc_auc_score(truth == k, each[:, k]) for k in range(3)]) for each in pair]
        drawn["auroc"].append(of_pair[0] - of_pair[1])
    for name, values in drawn.items():
        assert [found[name]["gain_low"], found[name]["gain_high"]] == pytest.approx(np.quantile(values, [0.025, 0.975]))


@pytest.mark.parametrize("exclusive", [True, False])
def test_without_known_labels_nothing_is_said(exclusive):
    half = np.full((4, 2), 0.5)
    settings = {"groups": np.arange(4), "exclusive": exclusive, "seed": 0}
    found = distillation_gain.gains(np.full((4, 2), np.nan), taught=half, alone=half, **settings)
    assert set(found["auroc"].values()) == {None}
    assert distillation_gain.verdict(found, learn_from="teacher") == distillation_gain.UNKNOWN
    assert "is unknown" in distillation_gain.remark(found, learn_from="teacher")


def test_of_a_few_patients_nothing_is_said(rng):
    found = measured(rng, taught=0.01, alone=9.0, images=18)["auroc"]
    assert found["gain"] > 0.1 and found["gain_low"] is found["gain_high"] is None
    assert distillation_gain.verdict({"auroc": found}, learn_from="teacher") == distillation_gain.UNKNOWN
    assert "no label has 10 patients" in distillation_gain.remark({"auroc": found}, learn_from="teacher")
