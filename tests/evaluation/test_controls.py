"""The stages of the controls: their scores beside those of the networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from rayling.common.atomic import write_json
from rayling.evaluation import auroc, calibration, metrics, results
from rayling.storage import prepared
from stages import controls, train_controls
from tests.evaluation.ring_and_spot import NAMES, SETTINGS
from tests.tiny import ROOT


@pytest.fixture
def study(write_images, tmp_path, monkeypatch):
    """A function that runs both stages beside three networks that are right except for some noise."""
    monkeypatch.chdir(tmp_path)

    def run(*, from_one=None, learn_from="assistant", **kind):
        Path("data").mkdir(exist_ok=True)
        write_images(**kind).replace("data/prepared.h5")
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")) | {"learn_from": learn_from}
        content["studies"]["phantom"]["student"] |= {name: SETTINGS[name] for name in ("epochs", "batch_size")}
        Path("params.yaml").write_text(yaml.safe_dump(content))
        dev, test = (prepared.read("data/prepared.h5", split) for split in ("dev", "test"))
        for name, noise in {"teacher": 0.1, "assistant": 0.2, "student": 0.4}.items():
            write_json(f"metrics/{name}.json", controls.scored(dev, test, noisy(dev, noise), noisy(test, noise)))
            results.write_predictions(f"data/predictions/{name}.csv", test, noisy(test, noise))
        write_json("metrics/prepare.json", {"from_one_source": from_one or {}})
        train_controls.main()
        controls.main()
        return json.loads(Path("metrics/controls.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)

    return run


def noisy(split, noise):
    """Probabilities that are the labels with some noise."""
    wrong = np.random.default_rng(0).normal(0, noise, split.labels.shape)
    return np.clip(0.2 + 0.6 * split.labels + wrong, 0, 1)


def test_a_study_of_one_source_has_no_probe_and_the_border_has_a_score_for_each_label(study, capsys):
    found = study()
    assert found["source_probe"] is None and found["auroc"]["source_alone"] is None
    assert found["per_label"]["ring"]["border_alone"] > 0.95 > 0.6 > found["per_label"]["spot"]["border_alone"]
    assert "'ring'" in found["remark"][0] and "'spot'" not in found["remark"][0]
    assert "only one source" in found["remark"][1]
    printed = capsys.readouterr().out
    assert all(f"controls: {line}\n" in printed for line in [*found["remark"], *found["distillation"]["remark"]])


def test_the_probe_learns_the_source_and_the_table_has_all_scores(study):
    found = study(sources=True, from_one={"ring": "a"})
    probe = found["source_probe"]["auroc"]
    assert probe["constant"] == 0.5 < 0.95 < probe["probe_low"] <= probe["probe"] <= probe["probe_high"]
    assert abs(found["auroc"]["source_alone"] - 0.5) < 0.1  # both sources have the same prevalence
    assert found["auroc"]["constant"] == 0.5 < found["auroc"]["student"] < found["auroc"]["teacher"]
    student = json.loads(Path("metrics/student.json").read_text())
    assert found["f1"]["constant"] == student["constant"]["f1"]["macro"]
    assert found["average_precision"]["constant"] == student["constant"]["average_precision"]["macro"]
    assert "'ring' (positive only in a)" in found["remark"][1]


def test_the_student_is_compared_with_the_same_network_alone(study):
    found = study()["distillation"]
    test, logits = prepared.read("data/prepared.h5", "test"), load_file("data/controls.safetensors")
    assert found["auroc"]["alone"] == pytest.approx(auroc.macro(test.labels, logits["alone/test"]), abs=1e-4)
    student = json.loads(Path("metrics/student.json").read_text())["auroc"]["macro"]
    assert found["auroc"]["taught"] == pytest.approx(student, abs=1e-5)
    # the stand-in for the student is right except for much noise; alone, the task is easy
    assert found["verdict"] == "worse" and found["auroc"]["gain_high"] < 0 and "accuracy" not in found
    assert "learned from the assistant" in found["remark"][0]


def test_the_student_is_compared_with_teacher_and_assistant_on_the_same_patients(study):
    found = study()
    for name in ("teacher", "assistant"):
        less = found[f"student_minus_{name}"]
        for score in ("auroc", "average_precision"):
            assert less[score] == pytest.approx(found[score]["student"] - found[score][name], abs=3e-6)
            assert less[f"{score}_low"] < less[score] < less[f"{score}_high"] <= 0
        assert "accuracy" not in less
    assert found["student_minus_teacher"]["auroc"] < found["student_minus_assistant"]["auroc"]


def test_a_student_of_labels_is_told_apart_from_one_that_was_taught(study):
    found = study(learn_from="labels")["distillation"]
    assert found["verdict"] == "not taught" and "learned from the labels alone" in found["remark"][0]


def test_exclusive_classes_are_controlled_by_the_most_probable_class(study):
    found = study(exclusive=True, sources=True)
    gain = found["distillation"]["accuracy"]
    test, dev = (prepared.read("data/prepared.h5", split) for split in ("test", "dev"))
    logits = load_file("data/controls.safetensors")
    alone = calibration.choose(NAMES, dev.labels, logits["alone/dev"], exclusive=True)
    right = alone.probabilities(logits["alone/test"]).argmax(axis=1) == test.labels.argmax(axis=1)
    taught = noisy(test, 0.4).argmax(axis=1) == test.labels.argmax(axis=1)
    assert gain["alone"] == pytest.approx(right.mean()) and gain["taught"] == pytest.approx(taught.mean(), abs=0.01)
    assert gain["gain"] == pytest.approx(gain["taught"] - gain["alone"], abs=1e-5)
    teachers = noisy(test, 0.1).argmax(axis=1) == test.labels.argmax(axis=1)
    assert found["student_minus_teacher"]["accuracy"] == pytest.approx(taught.mean() - teachers.mean(), abs=0.01)
    assert found["source_probe"]["auroc"]["probe"] > 0.95  # whose labels, the sources, are not exclusive


def test_the_same_settings_give_the_same_bytes_whatever_the_students_seed(study):
    study()
    first = Path("data/controls.safetensors").read_bytes()
    content = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(content | {"student_seed": 7, "temperature": 3}))
    train_controls.main()
    assert Path("data/controls.safetensors").read_bytes() == first


def test_thresholds_and_the_constant_answer_come_from_dev_and_the_shares_of_the_sources_from_train(study):
    study(sources=True)
    train, dev, test = (prepared.read("data/prepared.h5", split) for split in ("train", "dev", "test"))
    rng = np.random.default_rng(0)
    on_dev, on_test = rng.random(dev.labels.shape), rng.random(test.labels.shape)
    test.labels[:] = [1, 0]
    dev.labels[:, 0], dev.labels[:, 1] = 0, 1
    found = controls.scored(dev, test, on_dev, on_test)
    assert found["constant"]["answers"] == "spot"
    assert list(found["threshold"].values()) == metrics.thresholds(dev.labels, on_dev).tolist()
    train.labels[:, 0] = train.source == "a"  # and in test the other way round
    test.labels[:, 0] = test.source == "b"
    probe = {f"source/{name}": rng.random((len(split.labels), 2)) for name, split in {"dev": dev, "test": test}.items()}
    _, source_alone = controls.score_source({"train": train, "dev": dev, "test": test}, probe, "dev")
    assert source_alone["auroc"]["per_label"]["ring"] == 0


def test_a_label_with_one_class_in_test_has_no_score(study):
    found = study(ring=(1,), sources=True)
    assert found["per_label"]["ring"] == dict.fromkeys(("border_alone", "source_alone", "student"))


def test_the_lower_bound_of_a_single_label_is_that_of_the_macro_score(write_images):
    path = write_images()
    dev, test = (prepared.read(path, split) for split in ("dev", "test"))
    for split in (dev, test):
        split.labels[:, 1] = np.nan
    found = controls.scored(dev, test, noisy(dev, 0.5), noisy(test, 0.5))["auroc"]
    assert found["per_label_low"] == {"ring": found["macro_low"], "spot": None}
    assert 0.5 < found["macro_low"] < found["macro"]
