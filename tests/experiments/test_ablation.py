"""The statistics of the ablation, against SciPy's own tests, and the way from DVC's list to the table."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML
from scipy import stats

from rayling.common.errors import BadInput
from rayling.experiments import compare, sweep
from rayling.experiments import runs as experiments

METRICS = list(experiments.METRICS.values())


def runs(gain=0.01, seeds=5, temperatures=(20,)):
    """Scores of students alone and with a teacher, by seed: a large effect of the seed, a small one of the teacher."""
    rng, rows = np.random.default_rng(0), []
    for seed in range(seeds):
        effect = rng.normal(0, 0.05)
        for learn_from in ("labels", "teacher"):
            for temperature in temperatures if learn_from == "teacher" else temperatures[:1]:
                score = 0.8 + effect + (learn_from == "teacher") * gain + rng.normal(0, 0.001)
                rows.append([learn_from, temperature, seed, score, score - 0.1, score - 0.2])
    return pd.DataFrame(rows, columns=["learn_from", "temperature", "student_seed", *METRICS])


def compared(table, *settings):
    return compare.compare(table, metrics=METRICS, settings=settings)


def test_means_and_paired_gains_have_the_intervals_of_scipy():
    table = runs()
    found = compared(table, "learn_from", "temperature")
    taught, alone = (table[table["learn_from"] == name].set_index("student_seed") for name in ("teacher", "labels"))
    for metric in METRICS:
        row = found[(found["learn_from"] == "teacher") & (found["metric"] == metric)].iloc[0]
        single, paired = stats.ttest_1samp(taught[metric], 0), stats.ttest_rel(taught[metric], alone[metric])
        np.testing.assert_allclose(row[["low", "high"]].astype(float), single.confidence_interval(0.95))
        np.testing.assert_allclose(row[["gain_low", "gain_high"]].astype(float), paired.confidence_interval(0.95))
        assert row["mean"] == pytest.approx(taught[metric].mean()) and row["runs"] == 5
        assert row["gain_low"] > 0 and row["high"] - row["low"] > 10 * row["gain"]  # only the pairing shows it
    assert found.loc[found["learn_from"] == "labels", "gain"].isna().all()


def test_a_run_is_paired_with_the_student_alone_of_the_same_seed_at_every_temperature():
    table, settings = runs(temperatures=(20, 30)), ("learn_from", "temperature")
    one = compared(table, *settings)
    pd.testing.assert_frame_equal(one, compared(table.sample(frac=1, random_state=1), *settings))
    taught = one[one["learn_from"] == "teacher"]
    assert taught["temperature"].nunique() == 2 and taught["gain_low"].notna().all()
    two_seeds = table[~((table["learn_from"] == "labels") & (table["student_seed"] > 1))]
    assert compared(two_seeds, *settings)["gain_low"].notna().sum() == 6
    one_pair = two_seeds[~((two_seeds["learn_from"] == "labels") & (two_seeds["student_seed"] == 1))]
    assert (
        compared(one_pair, *settings)["gain_low"].isna().all() and compared(one_pair, *settings)["gain"].notna().any()
    )


def test_runs_are_paired_within_the_same_settings_of_the_student():
    small, large = runs().assign(width=64), runs(gain=0.03).assign(width=128)
    large[METRICS] += 0.05
    found = compared(pd.concat([small, large]), "learn_from", "width")
    gain = found[found["learn_from"] == "teacher"].groupby("width")["gain"].first()
    assert gain[64] == pytest.approx(0.01, abs=0.002) and gain[128] == pytest.approx(0.03, abs=0.002)


@pytest.mark.parametrize(("lesson", "paired"), [("any_view", True), ("cached_views", False)])
def test_how_many_views_are_cached_does_not_change_a_student_alone_that_sees_any_view(lesson, paired):
    table = runs().assign(**{"studies.a.lesson": lesson, "studies.a.cached_views": 4})
    other = table[table["learn_from"] == "teacher"].assign(**{"studies.a.cached_views": 8})
    found = compared(pd.concat([table, other]), "learn_from", "studies.a.cached_views")
    gains = found[found["learn_from"] == "teacher"].pivot(index="metric", columns="studies.a.cached_views")["gain"]
    assert gains[4].notna().all() and (gains[8].equals(gains[4]) if paired else gains[8].isna().all())
    grid = {"studies.a.cached_views": ["4", "8"]}
    wanted = sweep.experiments("a", learn_from=["labels", "teacher"], seeds=[0], grid=grid, lesson=lesson)
    assert len(wanted) == (3 if paired else 4)


def test_only_a_gain_whose_interval_excludes_zero_has_a_star():
    text = compare.markdown(compared(runs(), "learn_from"), settings=["learn_from"])
    lines = text.splitlines()
    assert lines[0] == "| learn_from | runs | AUROC | gain | average precision | gain | F1 | gain |"
    assert len(lines) == 4 and lines[2].startswith("| labels | 5 | 0.") and lines[3].count(" *") == 3
    one_pair = compare.markdown(compared(runs(seeds=1), "learn_from"), settings=["learn_from"])
    assert one_pair.count("one pair") == 3 and " *" not in one_pair  # the text for a gain without an interval
    table = runs(gain=0)
    table.loc[table["learn_from"] == "teacher", METRICS] += np.resize([-0.02, 0.02], 5)[:, None]
    assert " *" not in compare.markdown(compared(table, "learn_from"), settings=["learn_from"])


def test_the_picture_has_a_row_for_each_setting(tmp_path):
    heights = []
    for temperatures in [(20,), (2, 10, 20, 30)]:
        settings = ["learn_from", "temperature"]
        compare.draw_gains(
            tmp_path / "a.png", compared(runs(temperatures=temperatures), *settings), settings=settings, title="t"
        )
        with Image.open(tmp_path / "a.png") as picture:
            heights.append(picture.height)
    assert heights[1] > heights[0]


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


def test_every_setting_that_a_student_alone_does_not_read_is_known():
    unread = ["softening", "student.wasserstein", "student.directions", "student.weights.soft"]
    unread += ["student.weights.feature", "features.grid", "teacher.epochs", "assistant.weights.hard"]
    unread += ["teacher.freeze", "teacher.folds", "teacher.fine_tuning.warmup", "teacher.size", "assistant.size"]
    read = [
        "cached_views",
        "lesson",
        "hard_loss",
        "student.head",
        "student.lr",
        "student.weights.hard",
        "data.labelled_fraction",
        "views.rotate",
        "balance.counts",
    ]
    assert all(compare.DISTILLATION_SETTINGS.search(f"studies.a.{key}") for key in unread)
    assert not any(compare.DISTILLATION_SETTINGS.search(f"studies.a.{key}") for key in read)
    assert compare.DISTILLATION_SETTINGS.search("temperature") and not compare.DISTILLATION_SETTINGS.search("seed")


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
