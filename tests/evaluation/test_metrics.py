"""The metrics, from their definitions and against scikit-learn; no recorded goldens."""

import itertools
import json

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rayling.common.atomic import write_json
from rayling.evaluation import auroc, bootstrap, metrics
from rayling.evaluation.scores import all_scores, macro_scores

NAMES = ["effusion", "edema", "fracture", "mass"]


@pytest.fixture
def rng():
    return np.random.Generator(np.random.Philox(7))


def split(rng, images=300, unknown=0.0, decimals=2):
    """Labels of four prevalences, and probabilities that correlate with them, rounded so that some tie."""
    labels = (rng.random((images, 4)) < [0.5, 0.3, 0.1, 0.2]).astype(np.float32)
    logits = rng.normal(size=labels.shape) + 1.5 * labels - 1
    labels[rng.random(labels.shape) < unknown] = np.nan
    return labels, np.round(1 / (1 + np.exp(-logits)), decimals)


def scores_of(labels, probabilities, patients=None, seed=0, **changes):
    """All scores, with thresholds and constant answer chosen on the same data."""
    arguments = {
        "names": NAMES[: labels.shape[1]],
        "labels": labels,
        "probabilities": probabilities,
        "uncalibrated": probabilities,
        "thresholds": metrics.thresholds(labels, probabilities),
        "constant": metrics.constant_answer(labels, exclusive=False),
        "patients": np.arange(len(labels)).astype(str) if patients is None else patients,
        "seed": seed,
    }
    return all_scores(**arguments | changes)


def slow_auroc(truth, score):
    """Every pair of a positive and a negative, counted."""
    pairs = list(itertools.product(score[truth == 1], score[truth == 0]))
    return sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs)


def test_auroc_is_the_share_of_pairs_in_order(rng):
    labels, scores = split(rng, images=80, unknown=0.2, decimals=1)
    expected = [slow_auroc(truth, score) for truth, score in zip(labels.T, scores.T, strict=True)]
    assert auroc.per_label(labels, scores) == pytest.approx(expected)
    assert auroc.macro(labels, scores) == pytest.approx(np.mean(expected))


def test_auroc_is_none_without_both_classes():
    labels = np.array([[1, 0, 1, np.nan], [1, 0, 0, np.nan]], np.float32)
    scores = np.array([[0.1, 0.2, 0.9, 0.3], [0.4, 0.5, 0.6, 0.7]])
    assert auroc.per_label(labels, scores) == [None, None, 1.0, None]
    assert auroc.macro(labels, scores) == 1.0
    assert auroc.macro(labels[:, :2], scores[:, :2]) is None


def test_auroc_refuses_other_shapes_and_nan_scores(rng):
    labels, scores = split(rng)
    with pytest.raises(ValueError):
        auroc.per_label(labels, scores[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        auroc.per_label(labels, np.full_like(scores, np.nan))


def test_weighted_auroc_is_scikit_learns(rng):
    labels, scores = split(rng, images=120, unknown=0.1, decimals=1)
    weights = rng.integers(0, 4, size=(5, 120)).astype(float)
    known = ~np.isnan(labels[:, 0])
    expected = [roc_auc_score(labels[known, 0], scores[known, 0], sample_weight=w[known]) for w in weights]
    assert bootstrap.weighted_auroc(labels[:, 0], scores[:, 0], weights) == pytest.approx(expected)
    assert bootstrap.macro_auroc(labels, scores, np.ones((1, 120))) == pytest.approx(auroc.macro(labels, scores))


def test_weighted_macro_leaves_out_what_a_resample_lacks():
    labels, scores = np.array([[1, 1], [0, 0], [0, 1]]), np.array([[0.9, 0.1], [0.1, 0.5], [0.2, 0.9]])
    only_first, neither = [1, 0, 1], [0, 0, 1]
    resampled = bootstrap.macro_auroc(labels, scores, np.array([only_first, neither], float))
    np.testing.assert_array_equal(resampled, [1.0, np.nan])


def test_scores_are_scikit_learns_where_all_is_known(rng):
    labels, probabilities = split(rng)
    found = scores_of(labels, probabilities)
    decided = probabilities >= metrics.thresholds(labels, probabilities)
    answer = np.tile(metrics.constant_answer(labels, exclusive=False), (len(labels), 1))
    for average in ("micro", "macro", "weighted", "samples"):
        for scores, of in [(found, decided), (found["constant"], answer)]:
            expected = precision_recall_fscore_support(labels, of, average=average, zero_division=0)[:3]
            assert [scores[score][average] for score in ("precision", "recall", "f1")] == pytest.approx(expected)
    each = f1_score(labels, decided, average=None)
    assert list(found["f1"]["per_label"].values()) == pytest.approx(each)
    ranked = average_precision_score(labels, probabilities, average=None)
    assert list(found["average_precision"]["per_label"].values()) == pytest.approx(ranked)
    assert found["average_precision"]["macro"] == pytest.approx(ranked.mean())
    assert found["auroc"]["macro"] == pytest.approx(roc_auc_score(labels, probabilities))


def test_a_label_that_is_never_predicted_has_precision_zero():
    scores = metrics.averages(np.array([0.0, 1.0]), np.array([0.0, 0.0]), np.array([3.0, 0.0]))
    np.testing.assert_array_equal(scores["precision"]["per_label"], [0, 1])
    assert scores["precision"]["macro"] == 0.5


def test_each_label_is_scored_on_its_known_entries(rng):
    labels, probabilities = split(rng, unknown=0.3)
    decided = probabilities >= 0.5
    known = ~np.isnan(labels)
    scores = metrics.averages(*metrics.counts(labels, decided))["f1"]
    expected = [f1_score(labels[k, j], decided[k, j]) for j, k in enumerate(known.T)]
    assert scores["per_label"] == pytest.approx(expected)
    assert scores["micro"] == pytest.approx(f1_score(labels[known], decided[known]))


def test_each_image_is_scored_on_its_known_labels(rng):
    labels, probabilities = split(rng, unknown=0.4)
    labels[:3], labels[3:6], decided = np.nan, [0, np.nan, 0, 0], probabilities >= 0.5
    expected = [
        precision_recall_fscore_support(labels[n, known], decided[n, known], average="binary", zero_division=0)[:3]
        for n, known in enumerate(~np.isnan(labels))
        if known.any()
    ]
    assert len(expected) <= len(labels) - 3
    assert list(metrics.samples(labels, decided).values()) == pytest.approx(np.mean(expected, axis=0))


def test_macro_f1_is_the_mean_of_the_labels_that_have_one(rng):
    labels, probabilities = split(rng)
    labels[:, 2], labels[:, 3] = 0, np.nan
    f1 = scores_of(labels, probabilities)["f1"]
    defined = [value for value in f1["per_label"].values() if value is not None]
    assert len(defined) == 2
    assert f1["macro"] == pytest.approx(np.mean(defined))


def test_macro_scores_are_those_of_all_scores(rng):
    labels, probabilities = split(rng, unknown=0.2)
    macro = macro_scores(
        labels=labels, probabilities=probabilities, thresholds=metrics.thresholds(labels, probabilities)
    )
    found = scores_of(labels, probabilities)
    assert macro == {score: {"macro": found[score]["macro"]} for score in ("auroc", "average_precision", "f1")}


def test_an_unknown_entry_is_ignored(rng):
    labels, probabilities = split(rng, unknown=0.3)
    other = np.where(np.isnan(labels), rng.random(labels.shape), probabilities)
    assert scores_of(labels, other) == scores_of(labels, probabilities)
    decided, otherwise = probabilities >= 0.5, other >= 0.5
    np.testing.assert_array_equal(metrics.cooccurrence(labels, decided), metrics.cooccurrence(labels, otherwise))


def test_the_threshold_has_the_highest_f1_and_is_the_lowest_of_those(rng):
    labels, probabilities = split(rng, images=60, unknown=0.1, decimals=1)
    for threshold, (truth, score) in zip(
        metrics.thresholds(labels, probabilities), auroc.by_label(labels, probabilities), strict=True
    ):
        f1 = {candidate: f1_score(truth, score >= candidate) for candidate in np.unique(score)}
        assert threshold == min(candidate for candidate in f1 if f1[candidate] == max(f1.values()))


def test_threshold_ties_and_labels_without_a_positive():
    labels = np.array([[1, 0, np.nan], [0, 0, np.nan], [0, 0, np.nan], [1, 0, np.nan]], np.float32)
    probabilities = np.array([[0.9], [0.8], [0.7], [0.6]]) * np.ones(3)  # F1 is 2/3 at 0.9 and at 0.6
    assert metrics.thresholds(labels, probabilities).tolist() == [0.6, 0.5, 0.5]


def test_no_constant_answer_beats_the_constant_answer(rng):
    labels, _ = split(rng, unknown=0.3)
    labels[rng.random(300) < 0.8, 2] = np.nan  # prevalence is a share of the known, not a count

    def micro(answer):
        return metrics.averages(*metrics.counts(labels, np.array(answer)))["f1"]["micro"]

    best = max(micro(answer) for answer in itertools.product([False, True], repeat=4))
    assert micro(metrics.constant_answer(labels, exclusive=False)) == best


def test_the_scores_hold_those_of_the_constant_answer(rng):
    labels, probabilities = split(rng)
    constant = scores_of(labels, probabilities, constant=np.array([True, True, False, False]))["constant"]
    answer = np.tile([True, True, False, False], (len(labels), 1))
    assert constant["answers"] == "effusion, edema"
    assert constant["f1"]["macro"] == pytest.approx(f1_score(labels, answer, average="macro"))
    assert constant["average_precision"]["macro"] == pytest.approx(labels.mean())


def test_calibration_error_of_known_cases():
    # In each bin of 100 entries, exactly the predicted share is positive.
    probability = np.repeat(np.arange(0.05, 1, 0.1), 100)
    truth = np.concatenate([np.arange(100) < round(100 * p) for p in np.arange(0.05, 1, 0.1)])
    assert metrics.calibration_error(truth, probability) == pytest.approx(0, abs=1e-9)
    # Always 0.9, right in one of four: off by 0.65. Sure and always wrong: off by 1, edges of 0..1 included.
    assert metrics.calibration_error(np.array([1, 0, 0, 0]), np.full(4, 0.9)) == pytest.approx(0.65)
    assert metrics.calibration_error(np.array([0, 1]), np.array([1.0, 0.0])) == 1.0
    assert metrics.calibration_error(np.array([]), np.array([])) is None


def test_the_scores_hold_the_calibration_error_with_and_without_calibration(rng):
    labels, probabilities = split(rng, unknown=0.2)
    labels[:, 3] = np.nan  # a label without a known entry has no error
    found = scores_of(labels, probabilities, uncalibrated=probabilities**2)["calibration_error"]
    for key, values in {"macro": probabilities, "uncalibrated": probabilities**2}.items():
        errors = [metrics.calibration_error(*known) for known in auroc.by_label(labels, values)]
        assert found[key] == pytest.approx(np.mean(errors[:3]))
    assert found["macro"] != found["uncalibrated"]


def test_the_interval_contains_the_estimate_and_is_reproducible(rng):
    labels, probabilities = split(rng, unknown=0.1)
    found = scores_of(labels, probabilities, seed=3)
    assert found["auroc"]["macro_low"] < found["auroc"]["macro"] < found["auroc"]["macro_high"]
    low, high = found["f1"]["macro_low"], found["f1"]["macro_high"]
    assert low < found["f1"]["macro"] < high
    assert scores_of(labels, probabilities, seed=3) == found
    assert scores_of(labels, probabilities, seed=4)["auroc"]["macro_low"] != found["auroc"]["macro_low"]


def test_copies_of_a_patients_images_do_not_narrow_the_interval(rng):
    labels, probabilities = split(rng)
    patients = np.arange(len(labels)).astype(str)
    once = scores_of(labels, probabilities, patients)
    often = scores_of(*(np.repeat(each, 4, axis=0) for each in (labels, probabilities, patients)))
    assert often["images"] == 4 * once["images"] and often["patients"] == once["patients"] == 300
    for end in ("macro", "macro_low", "macro_high"):
        assert often["auroc"][end] == pytest.approx(once["auroc"][end])
        assert often["f1"][end] == pytest.approx(once["f1"][end])


def test_the_bootstrap_draws_as_many_patients_as_there_are():
    weights = bootstrap.patient_weights(np.array(["a", "b", "a", "c"]), seed=0, resamples=200)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    np.testing.assert_array_equal(weights[:, [0, 1, 3]].sum(axis=1), np.full(200, 3))


def test_cooccurrence_has_recall_on_its_diagonal(rng):
    labels, probabilities = split(rng, unknown=0.2)
    decided = probabilities >= 0.5
    shares = metrics.cooccurrence(labels, decided)
    recall = metrics.averages(*metrics.counts(labels, decided))["recall"]["per_label"]
    assert np.diag(shares) == pytest.approx(recall)
    absent = (labels == 0).all(axis=1)
    assert shares[-1] == pytest.approx(decided[absent].mean(axis=0))
    both_known = (labels[:, 0] == 1) & ~np.isnan(labels[:, 1])
    assert shares[0, 1] == pytest.approx(decided[both_known, 1].mean())


# classes that exclude one another


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


def test_what_is_not_defined_is_null_in_strict_json(rng, tmp_path):
    labels, probabilities = split(rng)
    labels[:, 2], labels[:, 3] = 0, np.nan
    write_json(tmp_path / "student.json", scores_of(labels, probabilities))

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads((tmp_path / "student.json").read_text(), parse_constant=refuse)
    for score in ("auroc", "average_precision"):
        assert [found[score]["per_label"][name] is None for name in NAMES] == [False, False, True, True]
    assert found["threshold"]["mass"] == 0.5


def test_scores_without_any_known_entry_are_none(tmp_path):
    found = scores_of(np.full((3, 2), np.nan, np.float32), np.full((3, 2), 0.5))
    assert found["auroc"]["macro"] is found["auroc"]["macro_low"] is found["calibration_error"]["macro"] is None
    write_json(tmp_path / "student.json", found)


def test_names_that_do_not_fit_are_refused(rng):
    with pytest.raises(ValueError):
        scores_of(*split(rng), names=NAMES[:3])


def test_write_json_rounds_keeps_order_and_ends_the_line(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1 / 3, "a": {"n": 2, "none": None}})
    text = (tmp_path / "a.json").read_text()
    assert text == '{\n  "b": 0.333333,\n  "a": {\n    "n": 2,\n    "none": null\n  }\n}\n'


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_write_json_refuses_nan_and_leaves_what_was_there(tmp_path, wrong):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": {"b": wrong}})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
