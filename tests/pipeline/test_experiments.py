"""Experiments on the tiny study: what a change reruns, how many runs are compared. One test builds on another."""

import json
import re

import pandas as pd
import pytest

from tests.tiny import BELOW_STUDENT, BELOW_TEMPERATURE, dvc, executed, run


def test_a_new_temperature_runs_what_lies_downstream_and_the_old_one_runs_nothing(clone):
    assert executed(dvc(clone, "exp run -n hot -S temperature=30")) == BELOW_TEMPERATURE
    hot = (clone / "metrics/student.json").read_text()
    assert executed(dvc(clone, "exp run -n back -S temperature=20")) == set()
    assert (clone / "metrics/student.json").read_text() != hot
    assert run(clone, "git diff --quiet metrics plots dvc.lock").returncode == 0


def test_another_teacher_runs_the_student_alone_and_is_compared_in_a_table(clone):
    assert executed(dvc(clone, "exp run -n alone -S learn_from=labels")) == BELOW_STUDENT
    assert executed(dvc(clone, "exp run -n direct -S learn_from=teacher")) == BELOW_STUDENT
    assert executed(dvc(clone, "exp run -n through -S learn_from=assistant")) == set()
    table = dvc(clone, "metrics diff alone direct --md")
    assert re.search(r"\| metrics/student.json +\| auroc.macro +\| [0-9.]+ +\| [0-9.]+ +\|", table)
    assert "metrics/teacher.json" not in table


def test_another_student_seed_repeats_the_student_alone_in_a_folder_of_its_own(clone):
    assert executed(dvc(clone, "exp run --temp -n again -S student_seed=1")) == BELOW_STUDENT


def test_one_command_runs_what_is_missing_and_another_makes_a_table_of_all_experiments(clone):
    sweep = "python -m rayling.experiments.sweep --learn-from labels --student-seed 0 1"
    done = run(clone, sweep)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sweep: 2 experiments, 0 of them already done" in done.stdout
    assert "sweep: 2 experiments, 2 of them already done" in run(clone, sweep).stdout
    assert run(clone, "git diff --quiet").returncode == 0
    done = run(clone, "python -m rayling.experiments.ablation")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(clone / "plots/ablation/table.csv")
    taught = table[(table["learn_from"] == "assistant") & (table["metric"] == "AUROC") & (table["runs"] == 2)]
    assert len(taught) == 1 and taught["gain_low"].notna().all()  # its other seed was run by hand above
    alone = table[(table["learn_from"] == "labels") & (table["metric"] == "AUROC")].iloc[0]
    names = [f"phantom-labels-seed{seed}" for seed in (0, 1)]
    shown = "git show $(git for-each-ref --format='%(refname)' refs/exps | grep /{}$):metrics/student.json"
    scores = [json.loads(run(clone, shown.format(name)).stdout) for name in names]
    assert alone["mean"] == pytest.approx(sum(score["auroc"]["macro"] for score in scores) / 2, abs=1e-6)
    committed = (clone / "plots/ablation/table.csv").read_bytes()
    done = run(clone, "python -m rayling.experiments.ablation --on dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "plots/ablation/table.csv").read_bytes() == committed
    on_dev = pd.read_csv(clone / "plots/ablation/dev/table.csv")
    mine = on_dev[(on_dev["learn_from"] == "labels") & (on_dev["metric"] == "AUROC")].iloc[0]
    scores = [json.loads(run(clone, shown.format(name)).stdout)["dev"] for name in sorted(names)]
    assert mine["mean"] == pytest.approx(sum(score["auroc"]["macro"] for score in scores) / 2, abs=1e-6)
    run(clone, "rm -r plots/ablation/dev && git checkout -q plots/ablation")  # the tables that this project commits
