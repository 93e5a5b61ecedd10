"""Scores on films of other hospitals: scikit-learn's, as far as they are defined, each beside its score on test."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    recall_score,
    roc_auc_score,
)

from rayling.evaluation import external_figure
from rayling.evaluation.external import external_scores, of_sources
from rayling.storage.films import Films
from tests.evaluation.drawn import NAMES, scores_of, split

CLASSES = NAMES[:3]


def scores_on_test(rng, *, exclusive=False):
    """What metrics/<network>.json has, of other images than the films."""
    labels, probabilities = classes(rng) if exclusive else split(rng)
    return scores_of(labels, probabilities, **({"thresholds": None} if exclusive else {}))


def classes(rng, images=240):
    """One of three classes for each image, one-hot (N, 3), and probabilities that sum to one."""
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, images)]
    odds = np.exp(rng.normal(size=labels.shape) + 1.5 * labels)
    return labels, odds / odds.sum(1, keepdims=True)


def found_for(labels, probabilities, inside, *, exclusive=False, distances=None, patients=None, resamples=40):
    return external_scores(
        names=NAMES[: labels.shape[1]],
        labels=labels,
        probabilities=probabilities,
        thresholds=None if exclusive else np.full(labels.shape[1], 0.4),
        distances=np.zeros(len(labels)) if distances is None else distances,
        patients=np.arange(len(labels)).astype(str) if patients is None else patients,
        inside=inside,
        seed=0,
        resamples=resamples,
    )


def values(scores):
    """The external value of each label."""
    return {label: score["external"] for label, score in scores["per_label"].items()}


def test_each_label_has_the_scores_that_its_known_films_define(rng):
    labels, probabilities = split(rng, unknown=0.2)
    labels[labels[:, 1] == 0, 1] = np.nan  # all have it
    labels[labels[:, 2] == 1, 2] = np.nan  # none has it
    labels[:, 3] = np.nan
    found = found_for(labels, probabilities, scores_on_test(rng))
    known = ~np.isnan(labels)
    truth, score = labels[known[:, 0], 0], probabilities[known[:, 0], 0]
    assert values(found["auroc"]) == pytest.approx({"effusion": roc_auc_score(truth, score)})
    assert values(found["average_precision"]) == pytest.approx({"effusion": average_precision_score(truth, score)})
    hit, alone = probabilities[known[:, 1], 1] >= 0.4, probabilities[known[:, 2], 2] < 0.4
    both = [recall_score(truth, score >= 0.4, pos_label=label) for label in (1, 0)]
    assert values(found["sensitivity"]) == pytest.approx({"effusion": both[0], "edema": hit.mean()})
    assert values(found["specificity"]) == pytest.approx({"effusion": both[1], "fracture": alone.mean()})
    assert set(values(found["calibration_error"])) == set(CLASSES)
    assert "macro" not in found["auroc"] and "accuracy" not in found and "answered" not in found


def test_each_score_stands_beside_the_one_on_test_and_means_are_of_the_same_labels(rng):
    labels, probabilities = split(rng)
    inside = scores_on_test(rng)
    whole = found_for(labels, probabilities, inside)["auroc"]
    assert whole["macro"]["external"] == pytest.approx(roc_auc_score(labels, probabilities, average="macro"))
    for key in ("", "_low", "_high"):
        assert whole["macro"][f"internal{key}"] == inside["auroc"][f"macro{key}"]
        assert whole["per_label"]["edema"][f"internal{key}"] == inside["auroc"][f"per_label{key}"]["edema"]
    labels[:, 3] = 0
    part = found_for(labels, probabilities, inside)["auroc"]["macro"]
    assert part["external"] == pytest.approx(roc_auc_score(labels[:, :3], probabilities[:, :3], average="macro"))
    assert part["internal"] == pytest.approx(np.mean([inside["auroc"]["per_label"][name] for name in CLASSES]))
    assert part["external_low"] < part["external"] < part["external_high"] and "internal_low" not in part


def test_exclusive_classes_have_accuracies_if_there_are_several_and_shares_of_the_answers(rng):
    labels, probabilities = classes(rng)
    inside = scores_on_test(rng, exclusive=True)
    found = found_for(labels, probabilities, inside, exclusive=True)
    truth, answer = labels.argmax(1), probabilities.argmax(1)
    assert found["accuracy"]["external"] == pytest.approx(accuracy_score(truth, answer))
    assert found["balanced_accuracy"]["external"] == pytest.approx(balanced_accuracy_score(truth, answer))
    assert found["accuracy"]["internal"] == inside["accuracy"]
    shares = np.bincount(answer, minlength=3) / len(answer)
    assert values(found["answered"]) == pytest.approx(dict(zip(CLASSES, shares, strict=True)))
    decided = {name: of["tp"] + of["fp"] for name, of in inside["decision"].items()}
    answered = {name: score["internal"] for name, score in found["answered"]["per_label"].items()}
    assert answered == pytest.approx({name: count / inside["images"] for name, count in decided.items()})
    two = found_for(labels[truth < 2], probabilities[truth < 2], inside, exclusive=True)
    assert two["accuracy"]["external"] == pytest.approx(accuracy_score(truth[truth < 2], answer[truth < 2]))
    assert "balanced_accuracy" not in two


def test_films_of_one_class_have_a_sensitivity_and_no_ranking(rng):
    labels, probabilities = classes(rng)
    rows = labels[:, 1] == 1
    found = found_for(labels[rows], probabilities[rows], scores_on_test(rng, exclusive=True), exclusive=True)
    answer = probabilities[rows].argmax(1)
    assert values(found["sensitivity"]) == pytest.approx({"edema": (answer == 1).mean()})
    expected = {"effusion": (answer != 0).mean(), "fracture": (answer != 2).mean()}
    assert values(found["specificity"]) == pytest.approx(expected)
    assert not found["auroc"]["per_label"] and "accuracy" not in found and found["calibration_error"]["macro"]


def test_intervals_draw_patients_and_too_few_of_them_have_none(rng):
    labels, probabilities = split(rng)
    distances = rng.random(300) * 1.3
    each, of_ten = np.arange(300).astype(str), (np.arange(300) % 30).astype(str)
    found = [
        found_for(labels, probabilities, scores_on_test(rng), distances=distances, patients=who, resamples=500)
        for who in (each, of_ten, (np.arange(300) % 9).astype(str))
    ]
    flagged = [of["out_of_distribution"] for of in found]
    share = (distances > 1).mean()
    assert all(of["external"] == pytest.approx(share) for of in flagged)
    width = flagged[0]["external_high"] - flagged[0]["external_low"]
    assert width == pytest.approx(2 * 1.96 * (share * (1 - share) / 300) ** 0.5, rel=0.15)  # of a binomial
    assert "external_low" in flagged[1] and set(flagged[2]) == {"external"}
    assert set(found[2]["auroc"]["per_label"]["edema"]) == {
        "external",
        *(f"internal{end}" for end in ("", "_low", "_high")),
    }


@pytest.fixture
def two_sources(rng):
    """Films of two sources in turn, and what one network says of them."""
    labels, probabilities = split(rng)
    labels[1::2, 1:] = np.nan
    source, names = np.array(["north", "south"])[np.arange(300) % 2], np.arange(300).astype(str)
    answers = {"probabilities": probabilities, "thresholds": np.full(4, 0.4), "distances": rng.random(300) * 2}
    return Films({}, labels, names, names, source, NAMES), answers


def test_each_source_is_scored_for_itself(rng, two_sources):
    films, answers = two_sources
    inside = scores_on_test(rng)
    found = of_sources(films, {"student": answers}, {"student": inside}, seed=0)
    assert list(found) == ["north", "south"] and found["south"]["images"] == found["south"]["patients"] == 150
    south = films.labels[1::2, 0]
    assert found["south"]["positive"] == {"effusion": (south == 1).sum(), **dict.fromkeys(NAMES[1:], 0)}
    assert found["south"]["negative"]["effusion"] == (south == 0).sum()
    who = {"patients": films.patient_id[1::2], "resamples": 500}
    expected = found_for(films.labels[1::2], answers["probabilities"][1::2], inside, **who)
    assert found["south"]["student"]["auroc"] == expected["auroc"]
    assert found["south"]["student"]["out_of_distribution"]["external"] == (answers["distances"][1::2] > 1).mean()


def test_the_picture_shows_one_row_for_what_each_label_defines(rng, two_sources, tmp_path):
    films, answers = two_sources
    films.labels[1::2, 1] = 1
    networks = ("teacher", "assistant", "student")
    inside = dict.fromkeys(networks, scores_on_test(rng))
    found = of_sources(films, dict.fromkeys(networks, answers), inside, seed=0)
    assert list(external_figure.shown(found["south"])) == ["AUROC, effusion", "sensitivity, edema"]
    assert list(external_figure.shown(found["north"])) == ["AUROC, mean", *(f"AUROC, {name}" for name in NAMES)]
    external_figure.draw(tmp_path / "a.png", found)
    external_figure.draw(tmp_path / "b.png", found)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    two, one = (tmp_path / "a.png").stat().st_size, {"south": found["south"]}
    external_figure.draw(tmp_path / "c.png", one)
    assert (tmp_path / "c.png").stat().st_size < two
