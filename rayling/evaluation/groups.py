"""How a network does on groups of patients: by sex, by age and by the view of the image.

As Seyyed-Kalantari et al. 2021, "Underdiagnosis bias of artificial intelligence algorithms applied to chest radiographs
in under-served patient populations", for what the sources of a study name. N images, K labels, B resamples.

Two groups are compared over the same labels, or else the labels would be compared. All scores of an attribute are
therefore over the labels that each of its groups has in at least `bootstrap.FEWEST` patients and lacks in as many. A
group without any such label is too small to be scored, and takes none from the others.
"""

from itertools import compress

import numpy as np

from rayling.evaluation import auroc, bootstrap
from rayling.evaluation.metrics import averages, counts
from rayling.evaluation.results import decisions
from rayling.storage.prepared import SEXES, VIEWS, Split

BOUNDS = (18, 40, 65)  # years
BANDS = ("under 18", "18 to 39", "40 to 64", "65 and over")

Groups = dict[str, np.ndarray]  # the images of each group, bool (N,)


def images_of(split: Split) -> dict[str, Groups]:
    """The groups of each attribute; an attribute of which there are not two is left out.

    An image of which the attribute is unknown is in no group.
    """
    band = np.where(np.isnan(split.age), "", np.array(BANDS)[np.digitize(split.age, BOUNDS)])
    known = {"sex": (split.sex, SEXES), "age": (band, BANDS), "view": (split.view, VIEWS)}
    found = {
        attribute: {name: values == name for name in names if (values == name).any()}
        for attribute, (values, names) in known.items()
    }
    return {attribute: groups for attribute, groups in found.items() if len(groups) > 1}


def group_scores(
    split: Split, probabilities: np.ndarray, thresholds: np.ndarray | None, *, seed: int, resamples: int = 500
) -> dict[str, dict]:
    """By attribute: the `labels` that are compared, the `scores` of each group, and the `largest_gap` in AUROC.

    `probabilities` (N, K) are calibrated; `thresholds` (K,) are None for classes that exclude one another. The scores
    of a group are its `images` and `patients`, macro `auroc` with its 95 % interval over patients, and macro
    `sensitivity` and `specificity`, or without thresholds `balanced_accuracy`. Those of a group that is too small are
    None. All patients are drawn together, so that someone who is in two groups is drawn for both.
    """
    weights = bootstrap.patient_weights(split.group, seed=seed, resamples=resamples)
    answers = probabilities, decisions(probabilities, thresholds)
    return {
        attribute: _compare(split, groups, *answers, weights, exclusive=thresholds is None)
        for attribute, groups in images_of(split).items()
    }


def _compare(
    split: Split,
    groups: Groups,
    probabilities: np.ndarray,
    decided: np.ndarray,
    weights: np.ndarray,
    *,
    exclusive: bool,
) -> dict:
    labels, large = _compared(split, groups)
    scores, drawn = {}, {}
    for name, rows in groups.items():
        truth, ranked, answers = (each[np.ix_(rows, labels)] for each in (split.labels, probabilities, decided))
        drawn[name] = bootstrap.macro_auroc(truth, ranked, weights[:, rows]) if name in large else np.array([])
        scores[name] = {
            "images": int(rows.sum()),
            "patients": len(np.unique(split.patient_id[rows])),
            "auroc": auroc.macro(truth, ranked) if name in large else None,
            **bootstrap.interval("auroc", drawn[name]),
            **_rates(truth, answers, exclusive=exclusive, scored=name in large),
        }
    named = list(compress(split.names, labels))
    return {"labels": named, "scores": scores, "largest_gap": _largest_gap(scores, drawn)}


def _compared(split: Split, groups: Groups) -> tuple[np.ndarray, list[str]]:
    """The labels that are compared, bool (K,), and the groups that are large enough: none without such a label."""
    enough = {name: bootstrap.enough(split.labels[rows], split.group[rows]) for name, rows in groups.items()}
    large = [name for name, labels in enough.items() if labels.any()]
    labels = np.all([enough[name] for name in large], axis=0) & bool(large)
    return np.broadcast_to(labels, len(split.names)), large if labels.any() else []


def _rates(labels: np.ndarray, decided: np.ndarray, *, exclusive: bool, scored: bool) -> dict[str, float | None]:
    recall = averages(*counts(labels, decided))["recall"]["macro"]
    found = {"balanced_accuracy": recall}
    if not exclusive:  # of the negatives, whether they were left out: the recall of their being absent
        found = {"sensitivity": recall, "specificity": averages(*counts(1 - labels, ~decided))["recall"]["macro"]}
    return {name: float(value) if scored else None for name, value in found.items()}


def _largest_gap(scores: dict[str, dict], drawn: dict[str, np.ndarray]) -> dict | None:
    """The difference in AUROC of the groups that have the highest and the lowest, with the interval of that pair.

    The interval is not corrected for the pair being chosen. None if there are not two groups with an AUROC.
    """
    ranked = sorted((name for name in scores if drawn[name].size), key=lambda name: scores[name]["auroc"])
    if len(ranked) < 2:
        return None
    lowest, *_, highest = ranked
    gap = scores[highest]["auroc"] - scores[lowest]["auroc"]
    ends = bootstrap.interval("auroc", drawn[highest] - drawn[lowest])
    return {"highest": highest, "lowest": lowest, "auroc": gap, **ends}
