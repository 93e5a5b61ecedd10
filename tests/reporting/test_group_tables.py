"""The table of groups of patients and its sentences."""

import copy

import pytest

from rayling.reporting import group_tables

TOO_SMALL = dict.fromkeys(["auroc", "auroc_low", "auroc_high", "sensitivity", "specificity"])


def found(auroc, *, images=1234, patients=99, **rates):
    return {
        "images": images,
        "patients": patients,
        "auroc": auroc,
        "auroc_low": auroc - 0.1,
        "auroc_high": auroc + 0.1,
    } | rates


def gap(highest, lowest, auroc, low, high):
    return {"highest": highest, "lowest": lowest, "auroc": auroc, "auroc_low": low, "auroc_high": high}


@pytest.fixture
def student():
    rates = {"sensitivity": 0.6, "specificity": 0.9}
    sex = {"female": found(0.8, **rates), "male": found(0.83, **rates)}
    age = {"18 to 39": found(0.7, **rates), "65 and over": found(0.81, **rates), "under 18": found(0) | TOO_SMALL}
    return {
        "threshold": {"Edema": 0.5, "Mass": 0.2},
        "groups": {
            "sex": {
                "labels": ["Edema", "Mass"],
                "scores": sex,
                "largest_gap": gap("male", "female", 0.03, -0.02, 0.08),
            },
            "age": {"labels": ["Mass"], "scores": age, "largest_gap": gap("65 and over", "18 to 39", 0.11, 0.04, 0.18)},
        },
    }


def test_each_group_has_a_row_with_the_teachers_scores_beside_the_students(student):
    teacher = copy.deepcopy(student)
    teacher["groups"]["sex"]["scores"]["male"] |= {"auroc": 0.9, "sensitivity": 0.65}
    head, *rows = group_tables.group_table(student, teacher)
    assert (
        head[:5] == ["", "images", "patients", "AUROC", "AUROC of the teacher"]
        and head[-1] == "specificity of the teacher"
    )
    assert [row[0] for row in rows] == [
        "sex: female",
        "sex: male",
        "age: 18 to 39",
        "age: 65 and over",
        "age: under 18",
    ]
    assert rows[1][1:5] == ["1,234", "99", "0.830 (0.730–0.930)", "0.900 (0.730–0.930)"]
    assert rows[1][5:] == ["0.600", "0.650", "0.900", "0.900"]
    assert set(rows[-1][3:]) == {"–"} and len({len(row) for row in (head, *rows)}) == 1


def test_of_exclusive_classes_balanced_accuracy_is_shown():
    scores = {
        "groups": {
            "view": {"scores": {"AP": found(0.8, balanced_accuracy=0.75), "PA": found(0.9, balanced_accuracy=0.7)}}
        }
    }
    head, *rows = group_tables.group_table(scores, scores)
    assert head[-2:] == ["balanced accuracy", "balanced accuracy of the teacher"] and rows[0][-2:] == ["0.750", "0.750"]


def test_the_compared_labels_are_named_by_attribute(student):
    assert ": sex, all labels; age, Mass. A group" in group_tables.compared_sentence(student)
    student["groups"]["age"]["labels"] = []
    assert "age, none." in group_tables.compared_sentence(student)


def test_the_sentence_is_of_the_largest_gap_of_all_attributes(student):
    sentence = group_tables.gap_sentence(student)
    assert (
        "by age: AUROC 0.810 for 65 and over and 0.700 for 18 to 39, a difference of 0.110 (+0.040 to +0.180)"
        in sentence
    )
    student["groups"]["age"]["largest_gap"] = None
    assert "by sex: AUROC 0.830 for male" in group_tables.gap_sentence(student)
    student["groups"]["sex"]["largest_gap"] = None
    assert group_tables.gap_sentence(student).startswith("No two groups of patients in test are large enough")


def test_without_groups_there_is_no_table_and_the_sentence_says_so():
    assert group_tables.group_table({"groups": {}}, {"groups": {}}) is None
    assert "the data name no two groups" in group_tables.gap_sentence({"groups": {}})
