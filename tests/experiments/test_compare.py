"""Runs compared in pairs, against SciPy's own tests, and the table and picture of their gains."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from rayling.experiments import compare, sweep
from tests.experiments.made_runs import METRICS, runs


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
