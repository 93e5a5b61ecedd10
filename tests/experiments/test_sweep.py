"""The experiments that a grid stands for, and the grids that are refused."""

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from rayling.common.errors import BadInput
from rayling.experiments import sweep


def test_a_student_alone_has_one_run_whatever_the_settings_of_distillation():
    grid = {"temperature": ["20", "30"], "studies.phantom.student.weights.soft": ["0.0", "1.0"]}
    wanted = sweep.experiments(
        "phantom", learn_from=["labels", "teacher"], seeds=[0, 1], grid=grid, lesson="cached_views"
    )
    assert len(wanted) == 2 + 2 * 2 * 2
    assert wanted["phantom-labels-seed1"] == {"learn_from": "labels", "student_seed": 1}
    assert wanted["phantom-teacher-seed1-T30-student.weights.soft=0.0"] == {
        "learn_from": "teacher",
        "student_seed": 1,
        "temperature": "30",
        "studies.phantom.student.weights.soft": "0.0",
    }


def test_other_settings_are_swept_for_a_student_alone_too_and_names_are_valid_in_git():
    grid = {"studies.phantom.student.lr": ["1e-3", "1e-2"], "studies.phantom.features.levels": ["[1,2,3]", "[0,1,2]"]}
    wanted = sweep.experiments(
        "phantom", learn_from=["labels", "assistant"], seeds=[0], grid=grid, lesson="cached_views"
    )
    assert len(wanted) == 2 + 4
    for name in wanted:
        assert subprocess.run(["git", "check-ref-format", f"refs/exps/{name}"]).returncode == 0


def test_no_two_experiments_have_the_same_name():
    key = "studies.phantom.{}.weights.soft"
    grid = {key.format("student"): ["0.0"], key.format("assistant"): ["0.0"]}
    one, two = (
        sweep.experiments("phantom", learn_from=["teacher"], seeds=[0], grid={k: v}, lesson="cached_views")
        for k, v in grid.items()
    )
    assert set(one).isdisjoint(two)
    with pytest.raises(BadInput, match="found this name for"):
        sweep.experiments(
            "phantom",
            learn_from=["teacher"],
            seeds=[0],
            grid={"studies.phantom.x": ["[a,b]", "[a b]"]},
            lesson="cached_views",
        )


PARAMS = YAML(typ="safe", pure=True).load(Path(__file__).parents[2] / "params.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([["temprature", "2"]], "temprature is not in params.yaml"),
        ([["student.lrr", "2"]], "studies.phantom.student.lrr is not in params.yaml"),
        ([["data.sources.7.folder", "a"]], "is not in params.yaml"),
        ([["softening", "sigmoid", "softmx"]], "found 'softmx': Input should be 'sigmoid' or 'softmax'"),
        ([["features.levels", "[1, 2"]], "found '\\[1, 2', expected a value in YAML"),
        ([["temperature", "0"]], "found '0': Input should be greater"),
        ([["studies.covid.softening", "sigmoid"]], "of the study that runs, phantom"),
        ([["temperature"]], "found no value"),
        ([["temperature", "2"], ["temperature", "3"]], "found it twice"),
        ([["learn_from", "teacher"]], "expected another parameter"),
        ([["study", "other"]], "expected another parameter"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_the_first_run(options, message):
    with pytest.raises(BadInput, match=message):
        sweep.grid_of(options, PARAMS)


def test_values_that_are_valid_together_alone_are_accepted_together():
    both = [[f"{network}.weights.feature", "0.0"] for network in ("assistant", "student")]
    assert len(sweep.grid_of([["lesson", "any_view"], *both], PARAMS)) == 3
    with pytest.raises(BadInput, match=r"--set lesson: found 'any_view'.*weights\.feature"):
        sweep.grid_of([["lesson", "any_view"], both[0]], PARAMS)


def test_a_key_of_the_study_needs_no_path():
    keys = ["softening", "student.lr", "temperature", "studies.phantom.student.lr"]
    found = [sweep.full_key(key, PARAMS) for key in keys]
    assert found == [f"studies.phantom.{key}" for key in keys[:2]] + keys[2:]
    wanted = {"data.sources.0.uncertain.default": ["ones", "zeros"], "features.levels": ["[0, 1, 2]"]}
    grid = sweep.grid_of([[key, *values] for key, values in wanted.items()], PARAMS)
    assert grid == {f"studies.phantom.{key}": values for key, values in wanted.items()}


def test_a_head_that_a_killed_experiment_left_detached_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def git(*arguments):
        me = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *me, *arguments], check=True, capture_output=True)

    git("init", "-b", "main")
    git("commit", "--allow-empty", "-m", "one")
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD")  # as `dvc exp run` does before it detaches HEAD
    sweep.refuse_detached()
    git("checkout", "--detach")
    with pytest.raises(BadInput, match=r"detached HEAD.*`git switch`"):
        sweep.refuse_detached()
    git("update-ref", "-d", "refs/exps/exec/EXEC_HEAD")
    sweep.refuse_detached()  # a tag that somebody checked out
