"""The scores of groups of patients, against scikit-learn on the images of each group."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from rayling.evaluation import bootstrap, groups
from rayling.storage import prepared

NAMES = ["effusion", "edema", "mass"]
THRESHOLDS = np.array([0.5, 0.4, 0.3])


def split_of(labels, **about):
    """A split without images, each of a patient of its own of whom nothing is known but `about`."""
    count = len(labels)
    names = np.arange(count).astype(str)
    known = {"patient_id": names, "group": names, "sex": np.full(count, ""), "view": np.full(count, "")}
    known |= {"age": np.full(count, np.nan), "names": NAMES[: labels.shape[1]], "labels": labels}
    others = dict.fromkeys(("images", "image_id", "source", "stratum", "wanted", "exclusive", "mean", "std", "study"))
    return prepared.Split(**others | known | about)


@pytest.fixture
def drawn(rng):
    """A split of 400 patients with two images each, some with one in each view, and probabilities that are worse for
    women; little is unknown."""
    count, nan = 800, np.nan
    labels = (rng.random((count, 3)) < [0.5, 0.3, 0.2]).astype(np.float32)
    sex = np.repeat(rng.choice(["female", "male", ""], 400, p=[0.4, 0.5, 0.1]), 2)
    logits = rng.normal(size=labels.shape) + (1 + (sex == "male"))[:, None] * labels
    labels[rng.random(labels.shape) < 0.1] = nan
    age = np.repeat(rng.choice(np.array([10, 25, 50, 70, nan], np.float32), 400), 2)
    patient = np.repeat(np.arange(400), 2).astype(str)
    about = {"sex": sex, "age": age, "view": rng.choice(["AP", "PA"], count), "patient_id": patient, "group": patient}
    return split_of(labels, **about), np.round(1 / (1 + np.exp(-logits)), 2)


def columns(split, probabilities, rows):
    """The known labels of these images and their probabilities, label by label."""
    for truth, score, threshold in zip(split.labels[rows].T, probabilities[rows].T, THRESHOLDS, strict=True):
        known = ~np.isnan(truth)
        yield truth[known], score[known], score[known] >= threshold


def test_each_group_is_scored_as_by_scikit_learn_on_its_images(drawn):
    split, probabilities = drawn
    found = groups.group_scores(split, probabilities, THRESHOLDS, seed=0, resamples=20)
    band = np.array(["under 18", "18 to 39", "40 to 64", "65 and over", ""])[
        np.searchsorted([10, 25, 50, 70], split.age)
    ]
    values = {"sex": split.sex, "age": band, "view": split.view}
    assert {attribute: list(of["scores"]) for attribute, of in found.items()} == {
        "sex": ["female", "male"],
        "age": list(groups.BANDS),
        "view": ["AP", "PA"],
    }
    for attribute, of in found.items():
        assert of["labels"] == NAMES
        for name, scores in of["scores"].items():
            rows = values[attribute] == name
            each = list(columns(split, probabilities, rows))
            assert scores["images"] == rows.sum() and scores["patients"] == len(set(split.patient_id[rows]))
            assert scores["auroc"] == pytest.approx(np.mean([roc_auc_score(truth, score) for truth, score, _ in each]))
            for label, rate in ((1, "sensitivity"), (0, "specificity")):
                expected = [recall_score(truth, answer, pos_label=label) for truth, _, answer in each]
                assert scores[rate] == pytest.approx(np.mean(expected))
            assert scores["auroc_low"] < scores["auroc"] < scores["auroc_high"]


@pytest.mark.parametrize("attribute", ["sex", "view"])
def test_intervals_are_of_groups_that_are_drawn_together(drawn, attribute):
    split, probabilities = drawn
    values = getattr(split, attribute)
    found = groups.group_scores(split, probabilities, THRESHOLDS, seed=3, resamples=20)[attribute]
    drawn_groups = {}
    for name in found["scores"]:
        of_labels = []
        for weight in bootstrap.patient_weights(split.patient_id, seed=3, resamples=20) * (values == name):
            known = [~np.isnan(truth) & (weight > 0) for truth in split.labels.T]
            pairs = zip(split.labels.T, probabilities.T, known, strict=True)
            of_labels.append(np.mean([roc_auc_score(t[k], s[k], sample_weight=weight[k]) for t, s, k in pairs]))
        drawn_groups[name] = np.array(of_labels)
        expected = np.quantile(of_labels, [0.025, 0.975])
        assert [found["scores"][name][f"auroc_{end}"] for end in ("low", "high")] == pytest.approx(expected)
    gap = found["largest_gap"]
    highest, lowest = (found["scores"][gap[end]]["auroc"] for end in ("highest", "lowest"))
    assert gap["auroc"] == pytest.approx(highest - lowest) and gap["auroc"] > 0
    expected = np.quantile(drawn_groups[gap["highest"]] - drawn_groups[gap["lowest"]], [0.025, 0.975])
    assert [gap["auroc_low"], gap["auroc_high"]] == pytest.approx(expected)


def test_the_gap_is_that_of_the_best_and_the_worst_of_several_groups(drawn):
    split, probabilities = drawn
    worse = np.where((split.age == 50)[:, None], 1 - probabilities, probabilities)
    found = groups.group_scores(split, worse, THRESHOLDS, seed=0, resamples=20)["age"]
    scores = {name: of["auroc"] for name, of in found["scores"].items()}
    assert found["largest_gap"]["lowest"] == "40 to 64" and scores[found["largest_gap"]["highest"]] == max(
        scores.values()
    )


def labels_with(*positive, images):
    """Labels (images, K) that are 1 in the first rows, as many as `positive` says of each."""
    return (np.arange(images)[:, None] < positive).astype(np.float32)


def test_groups_are_compared_over_labels_that_ten_patients_of_each_have_and_ten_lack(rng):
    women, men = labels_with(10, 10, 15, images=25), labels_with(15, 9, 16, images=25)
    labels = np.concatenate([women, men])  # of the second label 9 men are positive, of the third 9 are negative
    split = split_of(labels, sex=np.repeat(["female", "male"], 25))
    found = groups.group_scores(split, rng.random(labels.shape), THRESHOLDS, seed=0)["sex"]
    assert found["labels"] == ["effusion"] and None not in found["scores"]["female"].values()
    patient = np.arange(50).astype(str)
    patient[1] = "0"  # of the first label there are 10 images of women, and now 9 women
    same = split_of(labels, sex=split.sex, patient_id=patient, group=patient)
    found = groups.group_scores(same, rng.random(labels.shape), THRESHOLDS, seed=0)["sex"]
    assert found["labels"] == [] and found["largest_gap"] is None
    counted = [(of.pop("images"), of.pop("patients")) for of in found["scores"].values()]
    assert counted == [(25, 24), (25, 25)]
    assert [set(of.values()) for of in found["scores"].values()] == [{None}, {None}]


def test_a_group_that_is_too_small_has_no_scores_and_takes_no_label_from_the_others(rng):
    labels = np.concatenate([labels_with(20, 20, 20, images=40)] * 2 + [labels_with(3, 3, 3, images=6)])
    split = split_of(labels, age=np.repeat([50.0, 70.0, 3.0], [40, 40, 6]))
    found = groups.group_scores(split, rng.random(labels.shape), THRESHOLDS, seed=0)["age"]
    assert found["labels"] == NAMES and list(found["scores"]) == ["under 18", "40 to 64", "65 and over"]
    assert found["scores"]["under 18"] == {
        "images": 6,
        "patients": 6,
        **dict.fromkeys(["auroc", "auroc_low", "auroc_high", "sensitivity", "specificity"]),
    }
    assert {found["largest_gap"][end] for end in ("highest", "lowest")} == {"40 to 64", "65 and over"}


def test_an_attribute_without_two_groups_is_left_out():
    labels = labels_with(2, 2, images=4)
    split = split_of(labels, sex=np.array(["male", "male", "", ""]), view=np.array(["AP", "PA", "", ""]))
    assert list(groups.images_of(split)) == ["view"]
    assert groups.group_scores(split_of(labels), np.zeros((4, 2)), None, seed=0) == {}


def test_the_bands_of_age_include_their_first_year_and_leave_out_who_has_no_age():
    ages = np.array([0, 17.9, 18, 39.9, 40, 64.9, 65, 120, np.nan], np.float32)
    found = groups.images_of(split_of(np.zeros((9, 1), np.float32), age=ages))["age"]
    assert {name: ages[rows].tolist() for name, rows in found.items()} == {
        "under 18": ages[:2].tolist(),
        "18 to 39": ages[2:4].tolist(),
        "40 to 64": ages[4:6].tolist(),
        "65 and over": ages[6:8].tolist(),
    }


def test_of_exclusive_classes_balanced_accuracy_is_scikit_learns(rng):
    truth = rng.integers(0, 3, 300)
    labels, sex = np.eye(3, dtype=np.float32)[truth], rng.choice(["female", "male"], 300)
    probabilities = labels + rng.random((300, 3))
    labels[:20] = np.nan
    found = groups.group_scores(split_of(labels, sex=sex), probabilities, None, seed=0)["sex"]
    assert found["labels"] == NAMES
    for name, scores in found["scores"].items():
        rows = (sex == name) & (np.arange(300) >= 20)
        answer = probabilities[rows].argmax(axis=1)
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth[rows], answer))
        assert "sensitivity" not in scores
