"""The scores of networks on films of other hospitals, each beside its score on test: the content of
metrics/external.json.

Calibration and thresholds are those chosen on dev. N films, K labels with `names`. `labels` is (N, K) of 1, 0 or NaN
(unknown, ignored), `probabilities` (N, K) calibrated, in 0..1.
"""

import numpy as np

from rayling.evaluation import bootstrap
from rayling.evaluation.auroc import mean_defined
from rayling.evaluation.scores import all_scores
from rayling.storage.films import Films

ENDS = ("", "_low", "_high")  # of the keys of a score and its 95 % interval over patients
OF_LABELS = ("auroc", "average_precision", "sensitivity", "specificity", "calibration_error")
WITH_MEAN = ("auroc", "average_precision", "calibration_error")

Score = list[float | None]  # the value and the ends of its interval, as far as they are defined


def of_sources(films: Films, answers: dict[str, dict], inside: dict[str, dict], *, seed: int) -> dict[str, dict]:
    """The films of each source counted, and `external_scores` of each network on them, by its name.

    `answers` has of each network the `probabilities` (N, K), `distances` (N,) and `thresholds` (K,), `inside` its
    scores on test.
    """
    found = {}
    for source in np.unique(films.source).tolist():
        rows = np.flatnonzero(films.source == source)
        labels, patients = films.labels[rows], films.patient_id[rows]
        found[source] = _counts(films.names, labels, patients)
        for name, answer in answers.items():
            found[source][name] = external_scores(
                names=films.names,
                labels=labels,
                probabilities=answer["probabilities"][rows],
                thresholds=answer["thresholds"],
                distances=answer["distances"][rows],
                patients=patients,
                inside=inside[name],
                seed=seed,
            )
    return found


def external_scores(
    *,
    names: list[str],
    labels: np.ndarray,
    probabilities: np.ndarray,
    thresholds: np.ndarray | None,
    distances: np.ndarray,
    patients: np.ndarray,
    inside: dict,
    seed: int,
    resamples: int = 500,
) -> dict:
    """The scores of one network on the films of one source, with those on test (`inside`, as of `all_scores`).

    `thresholds` (K,) are None for classes that exclude one another; above a distance of 1, `distances` (N,), a film is
    out of distribution. `patients` (N,) are names. A score is `external` and `internal`, with the ends of their
    intervals. What the films do not define is left out: AUROC, average precision and calibration error of a label need
    known films, the first two both with it and without it, sensitivity those with it, specificity those without. A mean
    is over the labels that have the score outside, in both places. Raises KeyError if `inside` lacks a score.
    """
    about = {"names": names, "labels": labels, "thresholds": thresholds, "seed": seed, "resamples": resamples}
    unused = {"uncalibrated": probabilities, "constant": np.zeros(len(names), bool)}
    outside = all_scores(probabilities=probabilities, patients=patients, groups=patients, **about, **unused)
    found = {score: _of_labels(score, outside, inside) for score in OF_LABELS}
    if thresholds is None:
        found |= _of_classes(outside, inside, present=(labels == 1).any(axis=0))
        answered = dict(zip(names, np.eye(len(names))[probabilities.argmax(axis=1)].mean(axis=0).tolist(), strict=True))
        shares = _shares_answered(inside)
        found["answered"] = {"per_label": {name: _beside([answered[name]], [shares[name]]) for name in names}}
    weights = bootstrap.patient_weights(patients, seed=seed, resamples=resamples)
    found["out_of_distribution"] = _beside(_share(distances > 1, patients, weights), [])
    return found


def _counts(names: list[str], labels: np.ndarray, patients: np.ndarray) -> dict:
    counts = {kind: (labels == value).sum(axis=0).tolist() for kind, value in {"positive": 1, "negative": 0}.items()}
    by_label = {kind: dict(zip(names, numbers, strict=True)) for kind, numbers in counts.items()}
    return {"images": len(labels), "patients": len(np.unique(patients)), **by_label}


def _of_labels(score: str, outside: dict, inside: dict) -> dict:
    """A score of each label that has it outside, and the mean over several."""
    names = [name for name in outside["decision"] if _of_label(score, name, outside)[0] is not None]
    pairs = {name: [_of_label(score, name, place) for place in (outside, inside)] for name in names}
    found = {"per_label": {name: _beside(*pair) for name, pair in pairs.items()}}
    if score not in WITH_MEAN or len(names) < 2:
        return found
    means = [_mean(score, place) for place in (outside, inside)]
    if len(names) < len(inside["decision"]):  # then that of all labels is another score
        means[1] = [mean_defined([on_test[0] for _, on_test in pairs.values()])]
    return {"macro": _beside(*means)} | found


def _of_label(score: str, name: str, scores: dict) -> Score:
    if score in ("sensitivity", "specificity"):
        return [scores["decision"][name][f"{score}{end}"] for end in ENDS]
    value, *ends = [scores[score].get(f"per_label{end}", {}).get(name) for end in ENDS]
    return [value, *ends]


def _mean(score: str, scores: dict) -> Score:
    return [scores[score]["macro"], *(scores[score].get(f"macro{end}") for end in ENDS[1:])]


def _of_classes(outside: dict, inside: dict, *, present: np.ndarray) -> dict:
    """The accuracies of exclusive classes: one class alone has a sensitivity, and the balanced one is over all."""
    defined = {"accuracy": present.sum() > 1, "balanced_accuracy": present.all()}
    return {
        score: _beside(*([place[f"{score}{end}"] for end in ENDS] for place in (outside, inside)))
        for score, is_defined in defined.items()
        if is_defined
    }


def _shares_answered(inside: dict) -> dict[str, float]:
    """The share of test images for which each class is the answer, by the confusion matrix."""
    rows = inside["confusion"]
    total = sum(sum(row.values()) for row in rows.values())
    return {name: sum(row[name] for row in rows.values()) / max(1, total) for name in rows}


def _share(chosen: np.ndarray, patients: np.ndarray, weights: np.ndarray) -> Score:
    """The share of films that are `chosen`, bool (N,), with its interval."""
    share, drawn = float(chosen.mean()), weights @ chosen / weights.sum(axis=1)
    return [share, *bootstrap.share_interval("share", share, drawn, patients=len(np.unique(patients))).values()]


def _beside(external: Score, internal: Score) -> dict[str, float]:
    """Both scores under their names, as far as they are defined."""
    named = zip(("external", "internal"), (external, internal), strict=True)
    values = {f"{place}{end}": value for place, score in named for end, value in zip(ENDS, score, strict=False)}
    return {key: value for key, value in values.items() if value is not None}
