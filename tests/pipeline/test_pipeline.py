"""The real pipeline on a handful of small images, through DVC, in a clone of its own."""

import json
import shutil
from functools import reduce

import pandas as pd
import pytest
import torch
import yaml

from rayling.common.errors import BadInput
from rayling.evaluation import auroc, calibration, metrics
from rayling.evaluation.results import Calibration
from rayling.networks import weights
from rayling.runtime import inference
from rayling.runtime.loader import Batches
from stages import check, prepare
from tests.tiny import BELOW_TEMPERATURE, EVERYTHING, LONG, SHIPPED, clone_into, dvc, edit, executed, lasting, run

NETWORKS = ("teacher", "assistant", "student")


def test_the_first_repro_runs_every_stage(finished):
    assert executed(finished[1]) == EVERYTHING


def test_a_second_repro_runs_nothing(clone):
    assert executed(dvc(clone, "repro")) == set()


def test_the_three_reports_have_the_same_strict_keys(clone):
    def refuse(constant):
        raise ValueError(constant)

    texts = [(clone / f"metrics/{name}.json").read_text() for name in NETWORKS]
    reports = [json.loads(text, parse_constant=refuse) for text in texts]
    keys = [set(pd.json_normalize(report)) for report in reports]  # nested names joined by dots
    assert keys[0] == keys[1] == keys[2]
    assert {"auroc.macro", "auroc.per_label.Cardiomegaly", "f1.weighted", "threshold.Cardiomegaly", "macs"} <= keys[0]
    assert {"dev.auroc.macro", "calibration_error.uncalibrated", "f1.per_label.Cardiomegaly"} <= keys[0]
    assert len({json.dumps(report["auroc"]) for report in reports}) == 3


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_has_the_calibration_and_the_thresholds_that_fit_it_on_dev(clone, name):
    dev = Batches(clone / "data/prepared.h5", "dev", device=torch.device("cpu"))
    network, header = weights.load(clone / f"data/models/{name}.safetensors", split=dev.split)
    logits = inference.logits(network, dev)
    found = Calibration.read(clone / f"data/models/{name}.calibration.json", header.labels)
    expected = calibration.fit(dev.split.labels, logits)
    assert found.platt == pytest.approx(expected, rel=1e-3)
    assert (expected != [1, 0]).any()
    best = metrics.thresholds(dev.split.labels, found.probabilities(logits))
    assert found.thresholds == pytest.approx(best, abs=1e-3)
    report = json.loads((clone / f"metrics/{name}.json").read_text(encoding="utf-8"))
    assert report["threshold"] == pytest.approx(dict(zip(header.labels, found.thresholds, strict=True)), abs=1e-9)
    assert report["dev"]["auroc"]["macro"] == pytest.approx(auroc.macro(dev.split.labels, logits), abs=1e-4)


def test_the_controls_stand_beside_the_networks_and_dvc_shows_their_numbers(clone):
    found = json.loads((clone / "metrics/controls.json").read_text(encoding="utf-8"))
    for name in NETWORKS:
        report = json.loads((clone / f"metrics/{name}.json").read_text(encoding="utf-8"))
        for metric in ("auroc", "average_precision", "f1"):
            assert found[metric][name] == report[metric]["macro"]
        assert {"constant", "border_alone", "source_alone"} <= set(found[metric])
    assert found["source_probe"] is None and "one source" in found["remark"][1]
    shown = dvc(clone, "metrics show metrics/controls.json --md")
    assert "auroc.border_alone" in shown and "remark" not in shown  # sentences would tear the table apart


def test_the_curve_of_an_ensemble_has_one_row_an_epoch(clone):
    assert pd.read_csv(clone / "plots/training/teacher.csv")["epoch"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("rayling/distillation/losses.py", {"train_assistant", "train_student"}),
        ("rayling/config/schema.py", {"check"}),
        ("rayling/reporting/page.py", {"report"}),
    ],
)
def test_an_edited_comment_reruns_who_depends_on_it_and_stops_there(clone, file, expected):
    text = (clone / file).read_text()
    (clone / file).write_text(text + "\n# a comment\n")
    assert executed(dvc(clone, "repro")) == expected
    (clone / file).write_text(text)
    assert executed(dvc(clone, "repro")) == set()


WRONG = [
    ("temperature", "0", "temperature: found 0"),
    ("temperature", "20.5", "temperature: found 20.5"),
    ("learn_from", "parrot", "learn_from: found 'parrot'"),
    ("study", "covd", "study: found 'covd', expected one of phantom, covid, chexpert"),
    ("study", "chexpert", "data/raw/chexpert: not found, expected a folder or a link"),
    ("temprature", "30", "temprature: unknown key, did you mean temperature?"),
    ("studies.phantom.data.split_file", "mine.csv", "data/splits/mine.csv not found, expected the name of a CSV"),
]


def put(key: str, value: str):
    """A change of params.yaml: one value."""
    *sections, last = key.split(".")
    return lambda content: reduce(dict.get, sections, content).update({last: yaml.safe_load(value)})


@pytest.mark.parametrize(("key", "value", "told"), WRONG)
def test_a_wrong_value_is_told_in_one_line(finished, tmp_path, monkeypatch, key, value, told):
    shutil.copy(finished[0] / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    edit(tmp_path, put(key, value))
    with pytest.raises(BadInput) as caught:
        check.main()
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def refused(done) -> list[str]:
    """The lines of a command that failed, of which none is of a traceback."""
    assert done.returncode != 0
    lines = (done.stdout + done.stderr).splitlines()
    assert not [line for line in lines if "Traceback" in line], lines
    return lines


def test_a_wrong_value_stops_dvc_before_anything_is_touched(clone):
    key, value, told = WRONG[0]
    standing = "git status --porcelain && cat dvc.lock && ls -lR data/*.h5 data/models data/dumps plots metrics"
    before = run(clone, standing).stdout
    edit(clone, put(key, value))
    lines = refused(run(clone, "dvc repro"))
    run(clone, "git checkout -q params.yaml")
    assert [line for line in lines if line.startswith("error: ") and told in line], lines
    assert executed(dvc(clone, "repro")) == set()
    assert run(clone, standing).stdout == before


@pytest.mark.parametrize(
    ("stage", "setting", "told"),
    [
        ("prepare", "studies.phantom.data.labels=[Cardiomegali]", "'Cardiomegaly'"),
        ("check_backbones", "studies.phantom.assistant.backbone=densenet12", "did you mean densenet121?"),
    ],
)
def test_a_stage_that_refuses_loses_nothing(clone, stage, setting, told):
    done = run(clone, f"dvc exp run -S '{setting}'")
    lines = refused(done)
    assert [line for line in lines if line.startswith("error: ") and told in line], lines
    assert f"failed to reproduce '{stage}'" in done.stderr
    run(clone, "git checkout -q params.yaml")
    assert executed(dvc(clone, "repro")) == set()
    assert run(clone, "git diff --quiet metrics plots dvc.lock").returncode == 0


def test_without_a_column_or_with_too_many_broken_images_prepare_says_so(clone, monkeypatch):
    train = clone / "data/raw/phantom/train.csv"
    text = train.read_text()
    train.unlink()  # a link or a hard link into DVC's cache must not be written through
    train.write_text(text.replace("Cardiomegaly", "Cardiomegalia"))
    done = run(clone, "python -m stages.prepare")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "train.csv" in done.stderr and "'Cardiomegaly'" in done.stderr
    train.write_text(text)

    for image in sorted((clone / "data/raw/phantom/train").rglob("view1_frontal.jpg"))[:5]:
        image.unlink()
        image.write_bytes(b"")
    monkeypatch.chdir(clone)
    with pytest.raises(BadInput, match=r"data\.max_unreadable: .* 5 of 80 images"):
        prepare.main()
    assert run(clone, "dvc checkout --force").returncode == 0
    assert executed(dvc(clone, "repro")) == set()


# Once more, elsewhere


@pytest.mark.slow
def test_all_of_it_again_in_a_folder_of_its_own_writes_the_same_bytes(clone):
    # there is what git has and nothing else: an undeclared need would fail
    run(clone, "git checkout -q main . && dvc checkout")
    poisoned = {"MALLOC_PERTURB_": "165"}  # glibc fills what it hands out: who reads what nobody wrote gets that
    assert executed(dvc(clone, "exp run --temp --force -n elsewhere", **poisoned)) == EVERYTHING
    shown = "git show $(git for-each-ref --format='%(refname)' refs/exps | grep /elsewhere$):dvc.lock"
    again = run(clone, shown).stdout
    assert lasting(again) == lasting(run(clone, "git show main:dvc.lock").stdout)  # it holds the hash of every file


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="the test above in another way, and as long: `make long`")
def test_two_clones_at_different_places_write_the_same_bytes(clone, tmp_path):
    other = clone_into(tmp_path / "somewhere else")
    dvc(other, "repro")
    assert lasting((other / "dvc.lock").read_text()) == lasting(run(clone, "git show main:dvc.lock").stdout)


@pytest.mark.slow
def test_more_processes_rerun_nothing_and_write_the_same_dump(clone):
    assert executed(dvc(clone, "repro", NPROC="2")) == set()
    written = []
    for count in ("1", "2"):
        again = dvc(clone, "repro --force --single-item dump@teacher", NPROC=count, OMP_NUM_THREADS="1")
        assert executed(again) == {"dump@teacher"}
        written.append((clone / "dvc.lock").read_text())
    assert written[0] == written[1]
    run(clone, "git checkout dvc.lock && dvc checkout")


@pytest.mark.slow
def test_another_machine_sweeps_with_the_dump_alone(clone, tmp_path):
    store = f"remote add --default --local store {tmp_path / 'store'}"
    dvc(clone, store)
    dvc(clone, "push")
    other = tmp_path / "other"
    assert run(clone, f"git clone -q . {other}").returncode == 0
    run(other, "git config user.name test && git config user.email test@localhost")
    dvc(other, store)
    swept = dvc(other, "exp run --pull --allow-missing -n hot -S temperature=30 controls")
    assert executed(swept) == BELOW_TEMPERATURE - SHIPPED  # which nobody asked for
    assert (other / "data/dumps/teacher.h5").exists()
    assert not [name for name in ("data/raw/phantom", "data/models/teacher.safetensors") if (other / name).exists()]
