"""The table of where networks look."""

from rayling.reporting.attribution_tables import NAMES, attribution_sentence, attribution_table


def of(value):
    return {f"{key}{end}": value + shift for key in NAMES for end, shift in {"": 0, "_low": -0.1, "_high": 0.1}.items()}


def test_networks_their_difference_and_chance_have_a_row():
    found = {"pairs": 1200, "patients": 30, "student": of(0.5), "teacher": of(0.6), "student_minus_teacher": of(-0.1)}
    found["chance"] = dict.fromkeys(NAMES, 0.05)
    head, student, teacher, less, chance = attribution_table(found)
    assert len(head) == 5 and student[1] == "0.500 (0.400–0.600)" and teacher[4] == "0.600 (0.500–0.700)"
    assert less[2] == "-0.100 (-0.200 to +0.000)" and chance == ["no knowledge", *["0.050"] * 4]
    assert attribution_sentence(found) == "1,200 findings on test images of 30 patients."


def test_where_nothing_was_measured_there_is_nothing():
    assert attribution_table({}) is None and attribution_sentence({}) == ""
