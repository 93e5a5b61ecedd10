"""The controls: what is hidden from them, what they learn, and what the remarks say."""

import json
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from rayling.common.atomic import write_json
from rayling.evaluation import auroc, calibration, control_models, control_remarks, metrics, results
from rayling.runtime.loader import Batches
from rayling.storage import prepared
from stages import controls, train_controls, train_teacher

ROOT = Path(__file__).parents[2]
SIZE, COUNTS = 32, {"train": 96, "dev": 48, "test": 160}
SETTINGS = {"seed": 0, "epochs": 5, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine"}
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
NAMES = ["ring", "spot"]


@pytest.fixture
def write_images(pack):
    """A function that writes images: is the border bright (`ring`), is the middle (`spot`); source b is darker."""

    def write(*, sources=False, ring=(0, 1), exclusive=False):
        generator = np.random.default_rng(3)
        images, labels, where = {}, {}, {}
        for split, count in COUNTS.items():
            labels[split] = generator.choice(ring, (count, 2)).astype(np.float32)
            labels[split][:, 1] = 1 - labels[split][:, 0] if exclusive else np.arange(count) % 2
            dark = np.arange(count) // 2 % 2
            grey = generator.integers(60, 120, (count, SIZE, SIZE)) - (50 * dark[:, None, None] if sources else 0)
            grey[:, 10:22, 10:22] += 100 * labels[split][:, 1, None, None].astype(int)
            grey[:, :4, :] += 100 * labels[split][:, 0, None, None].astype(int)
            images[split] = grey.astype(np.uint8)
            where[split] = np.where(dark, "b", "a")
        return pack(images, labels, names=NAMES, sources=where if sources else None, exclusive=exclusive)

    return write


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
        results.write_predictions("data/predictions/student.csv", test, noisy(test, 0.4))
        write_json("metrics/prepare.json", {"from_one_source": from_one or {}})
        train_controls.main()
        controls.main()
        return json.loads(Path("metrics/controls.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)

    return run


def noisy(split, noise):
    """Probabilities that are the labels with some noise."""
    wrong = np.random.default_rng(0).normal(0, noise, split.labels.shape)
    return np.clip(0.2 + 0.6 * split.labels + wrong, 0, 1)


def train(path, *, wrap=None, **changed):
    """The logits (N, 2) of a control on test, and the labels there."""
    data = {split: Batches(path, split, device=torch.device("cpu"), views=VIEWS) for split in COUNTS}
    settings = {"shape": {"head": 1}, "hard": "bce", "unfinished": None} | SETTINGS | changed
    logits = train_controls.train("tiny", data, wrap=wrap, **settings)
    assert logits["tiny/dev"].shape == (COUNTS["dev"], 2)
    return logits["tiny/test"], data["test"].split.labels


def aurocs(macro, *, half=0.02, **per_label):
    """The scores that a remark reads; every interval is `half` wide on each side."""
    low, high = (None, None) if macro is None else (macro - half, macro + half)
    lows = {name: score - half for name, score in per_label.items()}
    scores = {"macro": macro, "macro_low": low, "macro_high": high, "per_label": per_label, "per_label_low": lows}
    return {"auroc": scores}


# what is hidden


@pytest.mark.parametrize(("size", "edge"), [(16, 2), (64, 6), (224, 22), (3, 1)])
def test_the_middle_is_blanked_and_nothing_else(size, edge):
    images = torch.rand(2, 1, size, size) + 1
    before = images.clone()
    blanked = control_models.border_only(images)
    for row, column in product(range(size), repeat=2):
        outside = min(row, column, size - 1 - row, size - 1 - column) < edge
        assert torch.equal(blanked[..., row, column], outside * images[..., row, column])
    assert torch.equal(images, before)


def test_for_a_border_control_the_border_matters_and_the_middle_does_not():
    network = control_models.BorderOnly(torch.nn.Flatten())
    image = torch.rand(1, 1, 20, 20)
    middle, edge = image.clone(), image.clone()
    middle[..., 2:18, 2:18] += 1
    edge[..., 0, 7] += 1
    assert torch.equal(network(image), network(middle))
    assert not torch.equal(network(image), network(edge))


# what is learned


def test_the_border_control_learns_the_label_on_the_border_and_not_the_one_in_the_middle(write_images):
    path = write_images()
    logits, labels = train(path, wrap=control_models.BorderOnly)
    ring, spot = auroc.per_label(labels, logits)
    assert ring > 0.95
    assert abs(spot - 0.5) < 0.1
    logits, labels = train(path)
    assert auroc.per_label(labels, logits)[1] > 0.95  # with the middle it can be learned


def test_a_control_is_the_same_whatever_was_trained_before_it(write_images):
    path = write_images()
    first, _ = train(path, epochs=1)
    torch.rand(7)
    assert np.array_equal(train(path, epochs=1)[0], first)
    assert not np.array_equal(train(path, epochs=1, seed=1)[0], first)


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
    _, source_alone = controls.score_source({"train": train, "dev": dev, "test": test}, probe)
    assert source_alone["auroc"]["per_label"]["ring"] == 0


@pytest.mark.parametrize(
    ("run", "written"),
    [(train_controls.main, "data/controls.safetensors"), (train_teacher.main, "data/models/teacher.safetensors")],
)
def test_training_on_hard_labels_never_sees_an_image_without_one(write_images, tmp_path, monkeypatch, run, written):
    monkeypatch.chdir(tmp_path)
    Path("data/pixels").mkdir(parents=True)
    write_images().replace("data/prepared.h5")
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    small = {"epochs": 1, "batch_size": 48}
    content["studies"]["phantom"]["student"] |= small
    content["studies"]["phantom"]["teacher"] |= small | {"backbones": ["mobilenetv3_small_050"]}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with h5py.File("data/prepared.h5", "r+") as file:
        file["train/labels"][10:] = np.nan
    prepared.create_no_pixels("data/pixels/teacher.h5")
    files = []
    for noise in (0, 1):
        with h5py.File("data/prepared.h5", "r+") as file:
            pixels = file["train/images"]
            pixels[10:] = np.random.default_rng(noise).integers(0, 255, pixels[10:].shape)
        run()
        files.append(load_file(written))
    apart = {name: np.abs(values - files[1][name]).max() for name, values in files[0].items()}
    assert {name: most for name, most in apart.items() if most} == {}


def test_a_label_with_one_class_in_test_has_no_score(study):
    found = study(ring=(1,), sources=True)
    assert found["per_label"]["ring"] == dict.fromkeys(("border_alone", "source_alone", "student"))


# the source alone


def test_the_source_alone_predicts_the_prevalence_of_its_train_images():
    def split(labels, source):
        empty = np.zeros(len(source))
        array = np.array(labels, np.float32)
        about = dict.fromkeys(("images", "image_id", "patient_id", "group", "stratum", "wanted"), empty)
        about |= {"names": NAMES, "exclusive": True, "mean": 0.5, "std": 0.5, "study": "tiny"}
        return prepared.Split(labels=array, source=np.array(source), **about)

    nan = np.nan
    train = split([[1, nan], [0, nan], [1, 1], [nan, 1], [nan, 0], [1, 0]], ["a", "a", "b", "b", "b", "b"])
    test = split([[0, 0]] * 3, ["b", "a", "not in train"])
    # the second label is unknown in a: there, and for a source that train lacks, the prevalence is that of all of train
    assert control_models.source_prevalence(train, test).tolist() == [[1, 0.5], [0.5, 0.5], [0.75, 0.5]]
    relabelled = control_models.source_labels(test, control_models.source_names(train))
    assert relabelled.labels.tolist() == [[0, 1], [1, 0], [0, 0]] and relabelled.names == ["a", "b"]
    assert not relabelled.exclusive


def test_the_lower_bound_of_a_single_label_is_that_of_the_macro_score(write_images):
    path = write_images()
    dev, test = (prepared.read(path, split) for split in ("dev", "test"))
    for split in (dev, test):
        split.labels[:, 1] = np.nan
    found = controls.scored(dev, test, noisy(dev, 0.5), noisy(test, 0.5))["auroc"]
    assert found["per_label_low"] == {"ring": found["macro_low"], "spot": None}
    assert 0.5 < found["macro_low"] < found["macro"]


# remarks


@pytest.mark.parametrize(
    ("low", "student", "high"),
    [
        (0.76, 1.0, True),
        (0.74, 1.0, False),
        (0.61, 0.7, True),
        (0.59, 0.7, False),
        (0.51, 0.5, True),
        (0.51, 0.3, True),
        (0.49, 0.3, False),
        (None, 0.9, False),
        (0.9, None, False),
    ],
)
def test_a_control_is_high_from_halfway_between_chance_and_the_student(low, student, high):
    assert control_remarks.is_high(low, student) is high


def test_with_a_high_border_the_remark_says_that_the_score_is_no_evidence():
    remark = control_remarks.border_remark(aurocs(0.93, half=0.01, A=0.93), aurocs(0.99, A=0.99))
    assert "AUROC of 0.930 (0.920–0.940), the student 0.990." in remark
    assert remark.endswith("no evidence of diagnosis.")
    remark = control_remarks.border_remark(aurocs(0.9, A=0.98, B=0.7), aurocs(0.99, A=0.99, B=0.99))
    assert "no evidence of diagnosis" in remark and "above all 'A' (AUROC 0.980, student 0.990)." in remark


def test_an_interval_that_reaches_below_halfway_raises_no_suspicion():
    remark = control_remarks.border_remark(aurocs(0.78, half=0.1, A=0.78), aurocs(0.99, A=0.99))
    assert "no evidence" not in remark and "'A'" not in remark
    assert "does not explain" in remark


def test_a_label_with_a_high_border_is_named_alone():
    remark = control_remarks.border_remark(aurocs(0.6, A=0.55, B=0.85), aurocs(0.87, A=0.85, B=0.9))
    assert "does not explain" in remark
    assert "'B' (AUROC 0.850, student 0.900)" in remark and "'A'" not in remark


def test_a_label_that_the_source_gives_away_is_named():
    student, source_alone = aurocs(0.99, A=0.99, B=0.98, C=0.99), aurocs(0.68, A=0.52, B=0.51, C=1.0)
    remark = control_remarks.source_remark(aurocs(0.99), source_alone, student, from_one={})
    assert "'C' (AUROC 1.000, student 0.990)" in remark and "'A'" not in remark
    assert "A score on these labels may reflect the source" in remark
    remark = control_remarks.source_remark(aurocs(0.99), source_alone, student, from_one={"A": "x", "B": "x", "C": "y"})
    assert "'A' (positive only in x)" in remark and "'C' (AUROC 1.000, student 0.990, positive only in y)" in remark
    assert "A score on this study may reflect the source" in remark


@pytest.mark.parametrize(
    ("probe", "source_alone", "text"),
    [
        (None, None, "has only one source"),
        (aurocs(None), aurocs(0.9, A=0.9), "is unknown"),
        (aurocs(0.7), aurocs(0.9, A=0.9), "hard to predict"),
        (aurocs(0.99), aurocs(None), "unknown"),
        (aurocs(0.99), aurocs(0.55, A=0.55), "reveals little about the labels"),
        (aurocs(0.99), aurocs(0.9, A=0.9), "no evidence of diagnosis"),
    ],
)
def test_the_source_is_suspected_if_it_can_be_predicted_and_gives_labels_away(probe, source_alone, text):
    remark = control_remarks.source_remark(probe, source_alone, aurocs(0.95, A=0.95), from_one={})
    assert text in remark
    assert ("no evidence" in remark) == ("no evidence" in text)


def test_a_border_without_a_score_allows_no_conclusion():
    assert "Nothing can be concluded" in control_remarks.border_remark(aurocs(None), aurocs(None))
