"""The report's tables of films of other hospitals."""

import pytest

from rayling.common.errors import BadInput
from rayling.reporting import external_tables


def score(value, **internal):
    return {"external": value, "external_low": value - 0.1, "external_high": value + 0.1} | internal


def of_network(value):
    inside = {"internal": 0.9, "internal_low": 0.85, "internal_high": 0.95}
    return {
        "auroc": {"macro": score(value), "per_label": {"Edema": score(value, **inside)}},
        "sensitivity": {"per_label": {"Mass": {"external": value}}},
        "accuracy": score(value),
        "out_of_distribution": {"external": 0.25},
    }


def of_source():
    """A block of metrics/external.json."""
    counts = {"positive": {"Edema": 40, "Mass": 150, "Hernia": 0}, "negative": {"Edema": 1100, "Mass": 0, "Hernia": 0}}
    networks = {name: of_network(value) for name, value in {"teacher": 0.7, "assistant": 0.6, "student": 0.5}.items()}
    return {"images": 150, "patients": 70, "left_out": {"in train or dev": 3}} | counts | networks


def test_each_score_is_a_row_with_both_places_of_each_network():
    (section,) = external_tables.sections({"north": of_source()})
    whole, by_label = ({row[0]: row[1:] for row in section[key]} for key in ("whole", "by_label"))
    places = [f"{network}{place}" for network in ("teacher", "assistant", "student") for place in ("", ", on test")]
    assert whole[""] == by_label[""] == places and section["name"] == "north"
    assert list(whole) == ["", "AUROC, mean over the labels", "accuracy", "share called unfamiliar"]
    assert list(by_label) == ["", "AUROC, Edema", "sensitivity, Mass"]
    assert by_label["AUROC, Edema"][2:4] == ["0.600 (0.500–0.700)", "0.900 (0.850–0.950)"]
    assert whole["accuracy"][:2] == ["0.700 (0.600–0.800)", "–"] and by_label["sensitivity, Mass"][4:] == ["0.500", "–"]


def test_the_films_are_counted_and_a_label_that_no_film_knows_is_not_named():
    about = external_tables.sections({"north": of_source()})[0]["about"]
    counts = "with and without each label: Edema 40 / 1,100, Mass 150 / 0"
    assert about == f"150 films of 70 patients; {counts}. Left out: in train or dev (3)."
    nothing = external_tables.sections({"north": of_source() | {"left_out": {}}})[0]["about"]
    assert nothing.endswith(". Left out: none.")


@pytest.mark.parametrize("key", ["images", "left_out", "student"])
def test_a_block_without_what_the_stage_writes_is_refused(key):
    with pytest.raises(BadInput, match=rf"metrics/external\.json: north: found no {key}, expected"):
        external_tables.sections({"north": {name: value for name, value in of_source().items() if name != key}})
