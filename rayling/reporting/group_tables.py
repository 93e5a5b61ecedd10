"""The groups of patients as a table and sentences, made from `groups` in the metrics of student and teacher."""

from rayling.reporting.page import Table, number

SCORES = ("auroc", "sensitivity", "specificity", "balanced_accuracy")  # as far as the network has them
NAMES = {"auroc": "AUROC", "balanced_accuracy": "balanced accuracy"}


def group_table(student: dict, teacher: dict) -> Table | None:
    """A row for each group: the student's scores, each with the teacher's beside it; None if there are no groups."""
    own, teachers = _by_group(student), _by_group(teacher)
    if not own:
        return None
    shown = [score for score in SCORES if score in next(iter(own.values()))]
    names = [NAMES.get(score, score) for score in shown]
    head = ["", "images", "patients", *(text for name in names for text in (name, f"{name} of the teacher"))]
    rows = []
    for group, found in own.items():
        cells = [_score(of, score) for score in shown for of in (found, teachers[group])]
        rows.append([group, f"{found['images']:,}", f"{found['patients']:,}", *cells])
    return [head, *rows]


def _by_group(scores: dict) -> dict[str, dict]:
    """The scores of each group of each attribute, by its name in the table."""
    attributes = scores["groups"].items()
    return {f"{attribute}: {name}": of for attribute, found in attributes for name, of in found["scores"].items()}


def _score(found: dict, score: str) -> str:
    return number(found[score], *(found.get(f"{score}_{end}") for end in ("low", "high")))


def compared_sentence(student: dict) -> str:
    """Over which labels the groups of each attribute are compared."""
    labels = {attribute: found["labels"] for attribute, found in student["groups"].items()}
    every = len(student["threshold"])
    named = [f"{name}, {_listed(found, every)}" for name, found in labels.items()]
    return (
        "Groups are compared over the labels that each group of the attribute has in at least ten patients and lacks "
        f"in as many: {'; '.join(named)}. A group without such a label is too small to be scored."
    )


def _listed(labels: list[str], every: int) -> str:
    return "all labels" if len(labels) == every else ", ".join(labels) or "none"


def gap_sentence(student: dict) -> str:
    """The largest gap in AUROC between two groups of one attribute."""
    if not student["groups"]:
        return "The student was not evaluated on groups of patients: the data name no two groups by sex, age or view."
    gaps = {attribute: found["largest_gap"] for attribute, found in student["groups"].items() if found["largest_gap"]}
    if not gaps:
        return "No two groups of patients in test are large enough to compare the student on them."
    attribute = max(gaps, key=lambda name: gaps[name]["auroc"])
    gap, scores = gaps[attribute], student["groups"][attribute]["scores"]
    higher, lower = (f"{scores[name]['auroc']:.3f} for {name}" for name in (gap["highest"], gap["lowest"]))
    return (
        f"The student's largest gap between two groups of patients is by {attribute}: AUROC {higher} and {lower}, a "
        f"difference of {gap['auroc']:.3f} ({gap['auroc_low']:+.3f} to {gap['auroc_high']:+.3f}), whose interval is "
        "not corrected for its being the largest."
    )
