"""The controls: what is hidden from them, what they find, and what is said of it."""

import json
from itertools import product
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from distill import auroc, border, controls, metrics, origins, prepared
from distill.atomic import write_json
from distill.batches import Batches
from stages import controls as stage
from stages import train_controls, train_teacher

ROOT = Path(__file__).parents[1]
SIZE, COUNTS = 32, {"train": 96, "dev": 48, "test": 160}
SETTINGS = {"seed": 0, "epochs": 5, "batch_size": 12, "lr": 3e-3, "weight_decay": 1e-5, "schedule": "cosine"}
VIEWS = {"rotate": 7.0, "shift": 0.05, "scale": 0.08, "brightness": 0.1, "contrast": 0.15}
NAMES = ["ring", "spot"]


@pytest.fixture
def film(pack):
    """A function that writes films: is the border bright (`ring`), is the middle (`spot`); source b is darker."""

    def write(*, sources=False, ring=(0, 1)):
        generator = np.random.default_rng(3)
        images, labels, where = {}, {}, {}
        for split, count in COUNTS.items():
            labels[split] = generator.choice(ring, (count, 2)).astype(np.float32)
            labels[split][:, 1] = np.arange(count) % 2
            dark = np.arange(count) // 2 % 2
            grey = generator.integers(60, 120, (count, SIZE, SIZE)) - (50 * dark[:, None, None] if sources else 0)
            grey[:, 10:22, 10:22] += 100 * labels[split][:, 1, None, None].astype(int)
            grey[:, :4, :] += 100 * labels[split][:, 0, None, None].astype(int)
            images[split] = grey.astype(np.uint8)
            where[split] = np.where(dark, "b", "a")
        return pack(images, labels, names=NAMES, sources=where if sources else None)

    return write


@pytest.fixture
def study(film, tmp_path, monkeypatch):
    """A function that runs both stages on films, beside three networks that are right but for some noise."""
    monkeypatch.chdir(tmp_path)

    def run(*, from_one=None, **kind):
        Path("data").mkdir(exist_ok=True)
        film(**kind).replace("data/prepared.h5")
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        content["studies"]["phantom"]["student"] |= {name: SETTINGS[name] for name in ("epochs", "batch_size")}
        Path("params.yaml").write_text(yaml.safe_dump(content))
        dev, test = (prepared.read("data/prepared.h5", split) for split in ("dev", "test"))
        for name, noise in {"teacher": 0.1, "assistant": 0.2, "student": 0.4}.items():
            write_json(f"metrics/{name}.json", stage.judged(dev, test, knowing(dev, noise), knowing(test, noise)))
        write_json("metrics/prepare.json", {"from_one_source": from_one or {}})
        train_controls.main()
        stage.main()
        return json.loads(Path("metrics/controls.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)

    return run


def knowing(split, noise):
    """Probabilities of who knows the labels, noisy."""
    wrong = np.random.default_rng(0).normal(0, noise, split.labels.shape)
    return np.clip(0.2 + 0.6 * split.labels + wrong, 0, 1)


def learnt(path, *, blindfold=None, **changed):
    """What a control says of test, (N, 2), and the labels there."""
    data = {split: Batches(path, split, device=torch.device("cpu"), views=VIEWS) for split in COUNTS}
    said = train_controls.learnt("tiny", data, blindfold=blindfold, **SETTINGS | changed)
    assert said["tiny/dev"].shape == (COUNTS["dev"], 2)
    return said["tiny/test"], data["test"].split.labels


def a_report(macro, *, half=0.02, **per_label):
    """What a remark reads of a report; of each label too the interval is `half` wide on each side."""
    low, high = (None, None) if macro is None else (macro - half, macro + half)
    lows = {name: score - half for name, score in per_label.items()}
    scores = {"macro": macro, "macro_low": low, "macro_high": high, "per_label": per_label, "per_label_low": lows}
    return {"auroc": scores}


# what is hidden


@pytest.mark.parametrize(("size", "edge"), [(16, 2), (64, 6), (224, 22), (3, 1)])
def test_the_middle_is_blanked_and_nothing_else(size, edge):
    images = torch.rand(2, 1, size, size) + 1
    before = images.clone()
    blanked = border.border_only(images)
    for row, column in product(range(size), repeat=2):
        outside = min(row, column, size - 1 - row, size - 1 - column) < edge
        assert torch.equal(blanked[..., row, column], outside * images[..., row, column])
    assert torch.equal(images, before)


def test_behind_the_blindfold_the_middle_changes_nothing_and_the_border_does():
    network = border.BorderOnly(torch.nn.Flatten())
    image = torch.rand(1, 1, 20, 20)
    middle, edge = image.clone(), image.clone()
    middle[..., 2:18, 2:18] += 1
    edge[..., 0, 7] += 1
    assert torch.equal(network(image), network(middle))
    assert not torch.equal(network(image), network(edge))


# what is found


def test_the_control_finds_what_the_border_tells_and_not_what_the_middle_does(film):
    path = film()
    said, labels = learnt(path, blindfold=border.BorderOnly)
    ring, spot = auroc.per_label(labels, said)
    assert ring > 0.95
    assert abs(spot - 0.5) < 0.1
    said, labels = learnt(path)
    assert auroc.per_label(labels, said)[1] > 0.95  # so it could have been learnt


def test_a_control_is_the_same_whatever_was_trained_before_it(film):
    path = film()
    first, _ = learnt(path, epochs=1)
    torch.rand(7)
    assert np.array_equal(learnt(path, epochs=1)[0], first)
    assert not np.array_equal(learnt(path, epochs=1, seed=1)[0], first)


def test_a_study_of_one_source_has_no_probe_and_the_border_is_told_label_by_label(study, capsys):
    found = study()
    assert found["source_probe"] is None and found["auroc"]["source_alone"] is None
    assert found["per_label"]["ring"]["border_alone"] > 0.95 > 0.6 > found["per_label"]["spot"]["border_alone"]
    assert "'ring'" in found["remark"][0] and "'spot'" not in found["remark"][0]
    assert "one source" in found["remark"][1]
    printed = capsys.readouterr().out
    assert all(f"controls: {line}\n" in printed for line in found["remark"])


def test_the_probe_finds_the_source_and_the_scores_stand_beside_one_another(study):
    found = study(sources=True, from_one={"ring": "a"})
    probe = found["source_probe"]["auroc"]
    assert probe["constant"] == 0.5 < 0.95 < probe["probe_low"] <= probe["probe"] <= probe["probe_high"]
    assert abs(found["auroc"]["source_alone"] - 0.5) < 0.1  # the labels are dealt to both alike
    assert found["auroc"]["constant"] == 0.5 < found["auroc"]["student"] < found["auroc"]["teacher"]
    student = json.loads(Path("metrics/student.json").read_text())
    assert found["f1"]["constant"] == student["constant"]["f1"]["macro"]
    assert found["average_precision"]["constant"] == student["constant"]["average_precision"]["macro"]
    assert "'ring' from a alone" in found["remark"][1]


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
    found = stage.judged(dev, test, on_dev, on_test)
    assert found["constant"]["answers"] == "spot"
    assert list(found["threshold"].values()) == metrics.thresholds(dev.labels, on_dev).tolist()
    train.labels[:, 0] = train.source == "a"  # and in test the other way round
    test.labels[:, 0] = test.source == "b"
    said = {f"source/{name}": rng.random((len(split.labels), 2)) for name, split in {"dev": dev, "test": test}.items()}
    _, alone = stage.of_source({"train": train, "dev": dev, "test": test}, said)
    assert alone["auroc"]["per_label"]["ring"] == 0


@pytest.mark.parametrize(
    ("run", "written"),
    [(train_controls.main, "data/controls.safetensors"), (train_teacher.main, "data/models/teacher.safetensors")],
)
def test_who_learns_from_hard_labels_never_sees_an_image_without_one(film, tmp_path, monkeypatch, run, written):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    film().replace("data/prepared.h5")
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    small = {"epochs": 1, "batch_size": 48}
    content["studies"]["phantom"]["student"] |= small
    content["studies"]["phantom"]["teacher"] |= small | {"backbones": ["mobilenetv3_small_050"]}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with h5py.File("data/prepared.h5", "r+") as file:
        file["train/labels"][10:] = np.nan
    files = []
    for noise in (0, 1):
        with h5py.File("data/prepared.h5") as file:
            pixels = prepared.mapped(file["train/images"], "r+")
        pixels[10:] = np.random.default_rng(noise).integers(0, 255, pixels[10:].shape)
        pixels.flush()
        run()
        files.append(load_file(written))
    apart = {name: np.abs(values - files[1][name]).max() for name, values in files[0].items()}
    assert {name: most for name, most in apart.items() if most} == {}


def test_where_test_has_one_answer_alone_nothing_is_made_up(study):
    found = study(ring=(1,), sources=True)
    assert found["per_label"]["ring"] == dict.fromkeys(("border_alone", "source_alone", "student"))


# what the source says


def test_who_is_told_the_source_says_the_share_of_its_train_images():
    def split(labels, source):
        empty = np.zeros(len(source))
        array = np.array(labels, np.float32)
        return prepared.Split(empty, array, empty, empty, np.array(source), empty, NAMES, 0.5, 0.5, "tiny")

    nan = np.nan
    train = split([[1, nan], [0, nan], [1, 1], [nan, 1], [nan, 0], [1, 0]], ["a", "a", "b", "b", "b", "b"])
    asked = split([[0, 0]] * 3, ["b", "a", "never seen"])
    # of the second label nothing is known in a: there, as for a source that train has not, all of train counts
    assert origins.told(train, asked).tolist() == [[1, 0.5], [0.5, 0.5], [0.75, 0.5]]
    relabelled = origins.as_labels(asked, origins.names(train))
    assert relabelled.labels.tolist() == [[0, 1], [1, 0], [0, 0]] and relabelled.names == ["a", "b"]


def test_of_one_label_the_lower_bound_is_the_reports(film):
    path = film()
    dev, test = (prepared.read(path, split) for split in ("dev", "test"))
    for split in (dev, test):
        split.labels[:, 1] = np.nan
    found = stage.judged(dev, test, knowing(dev, 0.5), knowing(test, 0.5))["auroc"]
    assert found["per_label_low"] == {"ring": found["macro_low"], "spot": None}
    assert 0.5 < found["macro_low"] < found["macro"]


# what is said


@pytest.mark.parametrize(
    ("low", "top", "high"),
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
def test_a_control_is_high_from_half_of_the_way_from_a_coin(low, top, high):
    assert controls.reaches_far(low, top) is high


def test_of_a_high_border_it_is_said_that_the_score_is_no_evidence():
    said = controls.of_border(a_report(0.93, half=0.01, A=0.93), a_report(0.99, A=0.99))
    assert "AUROC of 0.930 (0.920–0.940) where the student reaches 0.990" in said
    assert said.endswith("no evidence of diagnosis.")
    said = controls.of_border(a_report(0.9, A=0.98, B=0.7), a_report(0.99, A=0.99, B=0.99))
    assert "no evidence of diagnosis" in said and "Above all it tells 'A' AUROC 0.980, student 0.990." in said


def test_an_interval_that_reaches_below_half_of_the_way_accuses_nobody():
    said = controls.of_border(a_report(0.78, half=0.1, A=0.78), a_report(0.99, A=0.99))
    assert "no evidence" not in said and "'A'" not in said
    assert "does not explain" in said


def test_a_label_that_the_border_tells_is_named_alone():
    said = controls.of_border(a_report(0.6, A=0.55, B=0.85), a_report(0.87, A=0.85, B=0.9))
    assert "does not explain" in said
    assert "'B' AUROC 0.850, student 0.900" in said and "'A'" not in said


def test_of_a_source_that_tells_one_label_that_label_is_named():
    student, alone = a_report(0.99, A=0.99, B=0.98, C=0.99), a_report(0.68, A=0.52, B=0.51, C=1.0)
    said = controls.of_source(a_report(0.99), alone, student, from_one={})
    assert "'C' AUROC 1.000, student 0.990" in said and "'A'" not in said
    assert "a score on these labels may be of the source" in said
    said = controls.of_source(a_report(0.99), alone, student, from_one={"A": "x", "B": "x", "C": "y"})
    assert "'A' from x alone" in said and "'C' AUROC 1.000, student 0.990, from y alone" in said
    assert "a score on this study may be of the source" in said


@pytest.mark.parametrize(
    ("probe", "alone", "told"),
    [
        (None, None, "has one source"),
        (a_report(None), a_report(0.9, A=0.9), "is not known"),
        (a_report(0.7), a_report(0.9, A=0.9), "not easily told"),
        (a_report(0.99), a_report(None), "not known"),
        (a_report(0.99), a_report(0.55, A=0.55), "says little of the labels"),
        (a_report(0.99), a_report(0.9, A=0.9), "no evidence of diagnosis"),
    ],
)
def test_the_source_is_suspected_if_it_can_be_told_and_tells_the_labels(probe, alone, told):
    said = controls.of_source(probe, alone, a_report(0.95, A=0.95), from_one={})
    assert told in said
    assert ("no evidence" in said) == ("no evidence" in told)


def test_of_a_border_that_cannot_be_judged_nothing_is_said():
    assert "Nothing can be said" in controls.of_border(a_report(None), a_report(None))
