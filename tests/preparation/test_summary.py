"""Counts: metrics/prepare.json holds what counting one by one gives."""

import numpy as np
import pandas as pd

from rayling.preparation.summary import count_all, labels_of_one_source, remarks

PAIRS = pd.DataFrame(
    [("copy", "two", ""), ("near", "same", ""), ("near", "two", ""), ("copy", "same", "Edema"), ("near", "same", "")],
    columns=["kind", "patients", "disagree"],
)


def test_the_census_is_what_counting_one_by_one_gives():
    generator = np.random.default_rng(1)
    labels, splits, sources = ["Edema", "Fracture"], ["train", "dev", "test"], ["a", "b"]
    table = pd.DataFrame(
        {
            "split": generator.choice(splits, 60),
            "source": generator.choice(sources, 60),
            "patient": generator.choice(["1", "2", "3"], 60),
            "left_out": generator.choice(["", "", "", "copy", "lateral view"], 60),
            "unlabelled": False,
            **{label: generator.choice([1.0, 0.0, np.nan], 60) for label in labels},
        }
    )
    table.loc[50:, ["unlabelled", "source", *labels]] = True, "c", np.nan, np.nan
    images = [image for image in table.to_dict("records") if not image["left_out"]]
    train = [image for image in images if image["split"] == "train"]
    stratum, wanted = generator.integers(0, 3, len(train)), np.array([2, 30, 11])
    times = [wanted[own] / (stratum == own).sum() for own in stratum]  # that an epoch has each row

    def in_epoch(has):
        return round(sum(often for often, image in zip(times, train, strict=True) if has(image)))

    def of(images):
        unknown = {label: sum(image[label] != image[label] for image in images) for label in labels}
        positive = {label: sum(image[label] == 1 for image in images) for label in labels}
        return {"all": len(images), "positive": positive, "unknown": {k: n for k, n in unknown.items() if n}}

    def patients(images):
        return len({image["patient"] for image in images})

    def chosen(**wanted):
        return [image for image in images if all(image[key] == value for key, value in wanted.items())]

    labelled = [image for image in train if any(image[label] == image[label] for label in labels)]
    found = count_all(table, PAIRS, labels=labels, balanced=["Fracture", "Edema"], strata=(stratum, wanted))
    rows = {label: (stratum == number).sum() for number, label in enumerate(["Fracture", "Edema"])}
    assert rows["Fracture"] > 2 and rows["Edema"] < 30
    assert found | {"left_out": None, "duplicates": None, "from_one_source": None} == {
        "images": {split: of(chosen(split=split)) for split in splits},
        "patients": {
            split: {
                "all": patients(chosen(split=split)),
                "positive": {label: patients(chosen(split=split, **{label: 1.0})) for label in labels},
            }
            for split in splits
        },
        "labelled": {"images": len(labelled), "patients": patients(labelled)},
        "unlabelled": {"c": len(chosen(source="c", split="train"))},
        "balanced": {
            "all": 43,
            "positive": {label: in_epoch(lambda image, label=label: image[label] == 1) for label in labels},
            "unknown": {label: in_epoch(lambda image, label=label: image[label] != image[label]) for label in labels},
            "undersampled": {"Fracture": {"images": rows["Fracture"], "rows": 2}},
        },
        "sources": {s: {split: of(chosen(source=s, split=split)) for split in splits} for s in [*sources, "c"]},
        "left_out": None,
        "duplicates": None,
        "from_one_source": None,
    }
    copies, lateral = ((table["left_out"] == reason).sum() for reason in ("copy", "lateral view"))
    assert found["left_out"] == {"all": copies + lateral, "copy": copies, "lateral view": lateral}
    assert found["duplicates"] == {"copies": 2, "near": 3, "of_two_patients": 2, "that_disagree": 1}


def test_a_label_that_only_one_of_several_sources_has_is_named():
    table = pd.DataFrame({"source": ["a", "a", "b"], "Edema": [1.0, 0, 1], "Fracture": [1.0, 1, np.nan], "Mass": 0.0})
    table["unlabelled"] = False
    assert labels_of_one_source(table, labels=["Edema", "Fracture", "Mass"]) == {"Fracture": "a"}
    assert labels_of_one_source(table[:2], labels=["Edema", "Fracture"]) == {}  # with one source this says nothing
    table = table.assign(unlabelled=[False, False, True], Edema=[1.0, 0, np.nan])
    assert labels_of_one_source(table, labels=["Edema", "Fracture"]) == {}  # nor with one that has labels


def test_every_unusual_fact_is_one_remark_and_there_are_no_others():
    nothing = {split: {"all": 4, "positive": {"Edema": 1}} for split in ("train", "dev", "test")}
    quiet = {
        "images": nothing,
        "patients": {split: {"all": 3} for split in nothing},
        "left_out": {"all": 0},
        "duplicates": {"near": 0, "of_two_patients": 0, "that_disagree": 0},
        "from_one_source": {},
        "unlisted": 0,
        "labelled": {"images": 4, "patients": 3},
        "unlabelled": {},
        "balanced": {"all": 4, "undersampled": {}},
    }
    assert remarks(quiet) == ["train 4 images of 3 patients, dev 4 images of 3 patients, test 4 images of 3 patients"]
    loud = {
        "images": nothing | {"test": {"all": 4, "positive": {"Edema": 0}}},
        "patients": {split: {"all": 4} for split in nothing},
        "left_out": {"all": 1201, "CT": 1, "copy": 1200},
        "duplicates": {"near": 3, "of_two_patients": 0, "that_disagree": 2},
        "from_one_source": {"COVID-19": "cohen", "Normal": "kermany"},
        "unlisted": 7,
        "labelled": {"images": 2, "patients": 1},
        "unlabelled": {"nih": 1000, "other": 2},
        "balanced": {"all": 3100, "undersampled": {"Edema": {"images": 2719, "rows": 1000}}},
    }
    lines = remarks(loud)
    assert [line.split(":")[0].split(" ")[0] for line in lines] == [
        *("train", "labels", "1,002", "3,100", "train", "images", "3", "warning", "7", "every", "warning", "warning")
    ]
    assert lines[2] == "1,002 train images are of unlabelled sources: nih (1,000), other (2)"
    assert lines[3] == "3,100 rows an epoch, drawn anew each time"
    assert lines[4] == "train images in an epoch: 1,000 of the 2,719 with 'Edema' (all in 3 epochs)"
    assert lines[5].startswith("images left out: CT (1), copy (1,200)")
    assert "'COVID-19' (cohen), 'Normal' (kermany)" in lines[11]
    assert lines[1] == "labels of 1 of 4 train patients are known"
    assert "test has no positive 'Edema'" in lines[10]
