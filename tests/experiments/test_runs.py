"""Which experiments of DVC's list are finished runs of the study."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rayling.common.errors import BadInput
from rayling.experiments import runs as experiments
from tests.experiments.made_runs import METRICS, runs


def listed():
    """What `dvc.api.exp_show` lists: the commit and experiments, some unfinished or of another study."""
    table = runs(seeds=3).rename(columns={"AUROC": "metrics/student.json:auroc.macro"})
    table = table.rename(columns={"average precision": "average_precision.macro", "F1": "f1.macro"})
    table = table.assign(
        rev="abc", study="phantom", seed=0.0, **{"studies.phantom.size": 64.0, "studies.nih.size": 9.0}
    )
    extra = pd.DataFrame([table.iloc[0].to_dict() | {"rev": "main"}])
    others = table.iloc[:2].assign(study="nih")
    failed = table.iloc[:1].assign(student_seed=9, **{"f1.macro": "None"})
    running = table.iloc[:1].assign(student_seed=8, State="Running")  # with the metrics of another, as DVC lists it
    return pd.concat([extra, table, others, failed, running], ignore_index=True)


LOCK = """schema: '2.0'
stages:
  prepare:
    params:
      params.yaml:
        study: phantom
        studies.phantom.data:
          labelled_fraction: 1.0
          sources:
          - reader: chexpert
  embed:
    params:
      params.yaml: {studies.phantom.teacher.freeze: false}
  train_teacher:
    params:
      params.yaml: {studies.phantom.teacher.lr: 0.001}
  train_folds:
    params:
      params.yaml: {studies.phantom.teacher: {lr: 0.001, folds: 1}}
  dump@teacher:
    params:
      params.yaml: {seed: 0}
  train_student:
    params:
      params.yaml:
        learn_from: labels
        student_seed: 2
        temperature: 20
        studies.phantom.features:
          levels: [1, 2, 3]
          grid: 4
  evaluate@student:
    deps: []
"""
ROW = {"rev": "HEAD", "study": "phantom", "learn_from": "labels", "student_seed": 2.0, "temperature": 20.0, "seed": 0.0}
ROW |= {"studies.phantom.features.levels": "[1, 2, 3]", "studies.phantom.features.grid": 4}
ROW |= {"studies.phantom.data.labelled_fraction": 1.0, "studies.phantom.data.sources": "[{'reader': 'chexpert'}]"}
ROW |= {
    "studies.phantom.teacher.lr": 0.001,
    "studies.phantom.teacher.freeze": False,
    "studies.phantom.teacher.folds": 1,
}


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """A function that commits this text as dvc.lock and returns the row that DVC shows of it, with these changes."""
    monkeypatch.chdir(tmp_path)
    subprocess.run("git init -q && git config user.name t && git config user.email t@localhost", shell=True, check=True)

    def write(lock: str, **changed) -> pd.Series:
        Path("dvc.lock").write_text(lock)
        subprocess.run("git add . && git commit -qm lock --allow-empty", shell=True, check=True)
        return pd.Series(ROW | changed)

    return write


def test_a_commit_whose_student_was_trained_with_its_parameters_is_a_run(commit):
    assert experiments.lock_matches(commit(LOCK))
    assert experiments.lock_matches(
        commit(LOCK, **{"studies.phantom.teacher.lr": 0.1})
    )  # a teacher that no student learned from
    taught = LOCK.replace("learn_from: labels", "learn_from: teacher")
    assert experiments.lock_matches(commit(taught, learn_from="teacher"))


def test_the_lock_is_read_as_yaml_1_2(commit):
    # as DVC writes it: 1e-05 is a number, and `No` is a word
    lock = LOCK.replace(
        "        study: phantom\n", "        study: phantom\n        lr: 1e-05\n        labels: [No, off]\n"
    )
    assert experiments.lock_matches(commit(lock, lr=1e-5, labels="['No', 'off']"))
    assert not experiments.lock_matches(commit(lock, lr=1e-5, labels="[False, False]"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("study", "kermany"),  # though no parameter of training differs
        ("studies.phantom.data.labelled_fraction", 0.1),
        ("studies.phantom.data.sources", "[{'reader': 'nih'}]"),
        ("learn_from", "teacher"),
        ("temperature", 30.0),
        ("student_seed", 3.0),
        ("studies.phantom.features.levels", "[2, 3, 4]"),
        ("studies.phantom.features.grid", float("nan")),
        ("rev", "0" * 40),  # no such commit here
    ],
)
def test_a_commit_whose_student_was_trained_with_other_parameters_is_not_a_run(commit, key, value):
    assert not experiments.lock_matches(commit(LOCK, **{key: value}))


def test_a_commit_without_a_student_or_with_another_teacher_is_not_a_run(commit):
    assert not experiments.lock_matches(commit(LOCK.replace("train_student", "train_assistant")))
    taught = LOCK.replace("learn_from: labels", "learn_from: teacher")
    assert not experiments.lock_matches(commit(taught, learn_from="teacher", **{"studies.phantom.teacher.lr": 0.1}))
    assistants = LOCK.replace("learn_from: labels", "learn_from: assistant")
    assert not experiments.lock_matches(commit(assistants, learn_from="assistant"))  # never trained


NAMES = ["study", "learn_from", "temperature", "student_seed", "seed", "studies.phantom.size", "studies.nih.size"]


def test_a_run_is_counted_once_and_only_if_it_is_finished_and_of_the_study():
    found = experiments.finished_runs(listed(), names=NAMES, study="phantom")
    assert len(found) == 6 and set(found["student_seed"]) == {0, 1, 2}
    assert experiments.varied_settings(found) == ["learn_from"]
    hot = pd.concat([listed(), listed().assign(temperature=30.0)])
    assert experiments.varied_settings(experiments.finished_runs(hot, names=NAMES, study="phantom")) == [
        "learn_from",
        "temperature",
    ]
    with pytest.raises(BadInput, match="found no finished run of study 'covid'"):
        experiments.finished_runs(listed(), names=NAMES, study="covid")


def test_the_scores_of_either_split_can_be_read():
    table = listed()
    for key in ("metrics/student.json:auroc.macro", "average_precision.macro", "f1.macro"):
        table[f"dev.{key.split(':')[-1]}"] = pd.to_numeric(table[key], errors="coerce") - 0.3
    test, dev = (
        experiments.finished_runs(table, names=NAMES, study="phantom", split=split) for split in ("test", "dev")
    )
    np.testing.assert_allclose(dev[METRICS], test[METRICS] - 0.3)


def test_each_value_of_a_source_is_a_setting():
    policies = listed().assign(
        **{"studies.phantom.data.sources": "[{'reader': 'chexpert', 'uncertain': {'all': 'ones'}}]"}
    )
    other = policies.replace({"studies.phantom.data.sources": {"ones": "zeros"}}, regex=True)
    found = experiments.finished_runs(
        pd.concat([policies, other]), names=[*NAMES, "studies.phantom.data.sources"], study="phantom"
    )
    assert experiments.varied_settings(found) == ["learn_from", "studies.phantom.data.sources.0.uncertain.all"]
    assert len(found) == 12


def test_parameters_are_named_as_by_dvc():
    assert experiments.flatten({"a": 1, "b": {"c": [1, 2], "d": {"e": 2}}}) == {"a": 1, "b.c": [1, 2], "b.d.e": 2}


def test_the_parameters_that_all_runs_share_are_named_as_in_the_study():
    table = runs(seeds=2).assign(study="phantom", **{"studies.phantom.size": 64.0, "studies.phantom.labels": "['a']"})
    found = experiments.shared_parameters(table.drop(columns=METRICS), study="phantom")
    assert found == {"temperature": "20", "study": "phantom", "size": "64", "labels": "['a']"}
