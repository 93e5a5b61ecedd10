"""The ablation is shown for its own study, and says with which parameters it was measured if they are others."""

import json

import pandas as pd
import pytest

from rayling.reporting import ablation_tables

ROW = {"study": "phantom", "learn_from": "teacher", "metric": "AUROC", "runs": 5, "mean": 0.87, "low": 0.86}
ROW |= {"high": 0.88, "gain": 0.01, "gain_low": -0.01, "gain_high": 0.03}
ALONE = ROW | {"learn_from": "labels", "gain": None, "gain_low": None, "gain_high": None}


def write(folder, *rows, columns=None):
    table = pd.DataFrame(rows)
    table[columns or list(table)].to_csv(folder / "table.csv", index=False)
    return folder


def test_the_table_shows_means_and_gains(tmp_path):
    head, taught, alone = ablation_tables.ablation_table(write(tmp_path, ROW, ALONE), "phantom")
    assert head == ["learn_from", "metric", "runs", "mean", "gain over labels alone"]
    assert taught == ["teacher", "AUROC", "5", "0.870 (0.860–0.880)", "+0.010 (-0.010 to +0.030)"]
    assert alone[-1] == "–"
    sentence = ablation_tables.gain_sentence([head, taught, alone], "Measured at night.")
    assert "learn_from teacher, AUROC: +0.010 (-0.010 to +0.030). Measured at night." in sentence
    for unmeasured in ([head, alone], None):
        assert "was not measured" in ablation_tables.gain_sentence(unmeasured, "")


def test_what_was_varied_is_a_column(tmp_path):
    once = ROW | {"temperature": 20, "low": None, "high": None, "gain_low": None, "gain_high": None}
    columns = ["study", "learn_from", "temperature", *list(ROW)[2:]]
    folder = write(tmp_path, once, once | {"temperature": 30}, columns=columns)
    head, *rows = ablation_tables.ablation_table(folder, "phantom")
    assert rows[0] == ["teacher", "20", "AUROC", "5", "0.870", "+0.010"]
    assert "learn_from teacher, temperature 30, AUROC: +0.010." in ablation_tables.gain_sentence([head, *rows], "")


def test_that_of_another_study_is_not_shown(tmp_path):
    assert ablation_tables.ablation_table(tmp_path, "phantom") is None
    assert ablation_tables.ablation_table(write(tmp_path, ROW), "covid") is None
    assert ablation_tables.ablation_table(write(tmp_path, ROW | {"study": "2021"}), "2021") is not None
    without = [name for name in ROW if name != "study"]
    assert ablation_tables.ablation_table(write(tmp_path, ROW, columns=without), "phantom") is None


MEASURED = {"temperature": "20", "student_seed": "0", "teacher.lr": "0.001", "teacher.backbones": "['resnet18d']"}
MEASURED |= {"data.sources.0.folder": ".", "compute.compile": "False", "features.levels": "[1, 2, 3]"}
OWN = {
    "temperature": 20,
    "student_seed": 3,
    "learn_from": "labels",
    "teacher": {"lr": 1e-3, "backbones": ["resnet18d"]},
}
OWN |= {"data": {"sources": [{"folder": "."}]}, "compute": {"compile": False}, "features": {"levels": [1, 2, 3]}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, ""),
        ({"learn_from": "teacher", "student_seed": 4}, ""),
        ({"temperature": 30}, "temperature 20 (here 30)"),
        ({"teacher": {"lr": 0.01, "backbones": ["resnet10t"]}}, "teacher.lr 0.001 (here 0.01), teacher.backbones ['re"),
        ({"data": {"sources": [{"folder": "a"}]}}, "data.sources.0.folder . (here a)"),
        ({"compute": {}}, "compute.compile False (here not there)"),
    ],
)
def test_parameters_that_differ_from_those_of_this_run_are_named(tmp_path, change, named):
    (tmp_path / "params.json").write_text(json.dumps(MEASURED))
    found = ablation_tables.other_parameters(tmp_path, OWN | change)
    assert named in found and bool(found) == bool(named)


def test_an_ablation_that_does_not_say_its_parameters_is_told(tmp_path):
    assert "is not known" in ablation_tables.other_parameters(tmp_path, OWN)
