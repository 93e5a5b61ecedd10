"""Students of experiments on films that no run has seen: scikit-learn's scores, of the right student's file."""

import shutil
import subprocess
from argparse import Namespace
from hashlib import md5
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from rayling.common.errors import BadInput
from rayling.config.schema import Params
from rayling.evaluation.results import Calibration
from rayling.experiments import ablation, compare, external
from rayling.export import onnx_export, onnx_file
from rayling.export.notice import NOTICE
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.predict.model import OnnxModel
from tests.export.small_networks import build, normalised, train

SIZE, KINDS = 32, ["NORMAL/{}.png", "PNEUMONIA/person{}_bacteria_1.png", "PNEUMONIA/person{}_virus_1.png"]
PLATT = np.array([[1.7, -0.4], [1.7, 0.6], [1.7, 0.1]])
STUDIES = Params.model_validate(YAML(typ="safe", pure=True).load(Path(__file__).parents[2] / "params.yaml")).studies
KERMANY = STUDIES["kermany"].data
LABELS = KERMANY.labels


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A folder with Kermany's layout: 90 films, a bright third for each of the three classes."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    for number in range(90):
        pixels = rng.normal(100, 40, (SIZE, SIZE))
        pixels[number % 3 * 10 :][:12] += 5
        path = folder / KINDS[number % 3].format(number)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return folder


def read(films, **settings):
    return external.Films(films, KERMANY.model_copy(update=settings), study="kermany")


@pytest.fixture(scope="module")
def students(films, tmp_path_factory):
    """Two networks, trained differently, and their files."""
    found = read(films)
    pixels, folder = np.array(found.pixels(SIZE, keep_aspect=False)), tmp_path_factory.mktemp("students")
    networks = {}
    for name, shown in {"a": slice(0, None, 2), "b": slice(0, None, 9)}.items():
        network, header = build(size=SIZE, labels=LABELS, exclusive=True, head=4)
        train(network, pixels[shown], found.labels[shown])
        calibration = Calibration(LABELS, PLATT, None, exclusive=True)
        model = onnx_export.ExportedNetwork(network, header, calibration, OutOfDistribution(SIZE))
        facts = {"keep_aspect": False, "threshold": dict.fromkeys(LABELS), "notice": NOTICE}
        networks[folder / f"{name}.onnx"] = network
        onnx_file.save(folder / f"{name}.onnx", onnx_export.to_onnx(model, size=SIZE), vars(header) | facts)
    return networks


def expected_scores(network, films):
    """By scikit-learn, from the images as Pillow opens them and the network as torch runs it."""
    paths = sorted(films.rglob("*.png"))
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    truth = np.array([0 if "NORMAL" in path.parts else 1 if "bacteria" in path.name else 2 for path in paths])
    with torch.inference_mode():
        logits = network(normalised(pixels))[0].double().numpy()
    probabilities = softmax(logits * PLATT[:, 0] + PLATT[:, 1], axis=1)
    one_hot, answer = np.eye(3)[truth], probabilities.argmax(1)
    found = {"AUROC": roc_auc_score(one_hot, probabilities, average="macro")}
    found |= {"accuracy": accuracy_score(truth, answer), "F1": f1_score(truth, answer, average="macro")}
    each = {f"AUROC of {label}": roc_auc_score(one_hot[:, n], probabilities[:, n]) for n, label in enumerate(LABELS)}
    return found | each


def test_the_scores_are_those_of_scikit_learn(films, students):
    for path, network in students.items():
        found = external.scores(OnnxModel(path), read(films))
        assert found == pytest.approx(expected_scores(network, films), abs=1e-6)
        assert 0.34 < found["accuracy"] < 1


def test_films_have_the_size_that_the_student_wants(films):
    found = read(films)
    assert found.pixels(40, keep_aspect=True).shape == (90, 40, 40) and len(found) == 90
    with pytest.raises(BadInput, match="expected a number below 1"):
        external.Films(films, KERMANY, study="kermany", source=1)


def test_a_film_that_cannot_be_read_and_a_student_of_other_labels_are_refused(films, students, tmp_path):
    shutil.copytree(films, tmp_path / "films")
    (tmp_path / "films/NORMAL/0.png").write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"NORMAL/0\.png: found"):
        read(tmp_path / "films").pixels(SIZE, keep_aspect=False)
    with pytest.raises(BadInput, match="expected those of params"):
        external.scores(OnnxModel(next(iter(students))), read(films, labels=LABELS[::-1]))


LOCK = """schema: '2.0'
stages:
  train_student:
    outs: [{{path: data/models/student.safetensors, md5: {trained}}}]
  export@student:
    deps: [{{path: data/models/student.safetensors, md5: {exported}}}, {{path: rayling/export, md5: 5.dir}}]
    outs: [{{path: data/models/student.onnx, md5: '{file}'}}]
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """A function that commits an experiment's dvc.lock, puts its file into the cache and returns its row in DVC's list.

    Without a `file` nothing is put there.
    """
    monkeypatch.chdir(tmp_path)
    subprocess.run("git init -q && git config user.name t && git config user.email t@localhost", shell=True, check=True)

    def write(name, file=None, trained="aa"):
        digest = md5(file.read_bytes()).hexdigest() if file else "0" * 32
        if file:
            place = tmp_path / "cache/files/md5" / digest[:2] / digest[2:]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        Path("dvc.lock").write_text(LOCK.format(trained=trained, exported="aa", file=digest))
        subprocess.run("git add dvc.lock && git commit -qm lock --allow-empty", shell=True, check=True)
        revision = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
        return {"rev": revision, "Experiment": name}

    return write


def test_each_experiment_has_the_scores_of_its_own_student(films, students, experiment, tmp_path):
    listed = pd.DataFrame([experiment(path.stem, path) for path in students], index=[7, 3])
    found = external.scores_of(listed, read(films), cache=tmp_path / "cache")
    for index, network in zip([7, 3], students.values(), strict=True):
        assert found.loc[index].to_dict() == pytest.approx(expected_scores(network, films), abs=1e-6)
    assert found.loc[7, "AUROC"] != found.loc[3, "AUROC"]


def test_an_experiment_without_its_student_is_named(students, experiment, tmp_path):
    found = "found no data/models/student.onnx of its student in DVC's cache, .* `dvc exp remove"
    lost, retrained = experiment("lost"), experiment("retrained", next(iter(students)), trained="bb")
    for row in (lost, retrained, {"rev": "0" * 40, "Experiment": "unknown"}):
        name = row["Experiment"]
        with pytest.raises(BadInput, match=f"{name}: {found} {name}`"):
            external.student_of(row["rev"], name=name, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("study", "on_test", "outside"),
    [
        ("kermany", ["AUROC", "average precision", "F1", "accuracy"], ["AUROC", "accuracy", "F1"]),
        ("phantom", ["AUROC", "average precision", "F1"], ["AUROC"]),
    ],
)
def test_only_exclusive_classes_have_an_accuracy(study, on_test, outside):
    data = STUDIES[study].data
    assert list(ablation.metrics_of(data, Namespace(external=None)).values()) == on_test
    assert list(ablation.metrics_of(data, Namespace(external=Path())).values()) == outside
    names = external.metrics_of(data, per_label=True)
    assert [names[f"auroc.per_label.{label}"] for label in data.labels] == [f"AUROC of {each}" for each in data.labels]


def test_the_table_has_inside_and_external_gains_paired_by_seed_side_by_side():
    rows = [["labels", 0, 0.8, 0.6], ["teacher", 0, 0.8, 0.7], ["labels", 1, 0.9, 0.5], ["teacher", 1, 0.9, 0.61]]
    runs = pd.DataFrame(rows, columns=["learn_from", "student_seed", "AUROC", "AUROC, external"])
    table = compare.compare(runs, metrics=["AUROC", "AUROC, external"], settings=["learn_from"])
    lines = compare.side_by_side(table, settings=["learn_from"]).splitlines()
    assert lines[0] == "| metric | learn_from | runs | inside | gain | external | gain |" and len(lines) == 4
    assert lines[3].startswith("| AUROC | teacher | 2 | 0.8500 (") and "| +0.0000 (+0.0000 to +0.0000) |" in lines[3]
    assert "| +0.1050 (" in lines[3] and lines[3].endswith(" * |")
    only_inside = table[table["metric"] == "AUROC"]
    assert compare.side_by_side(only_inside, settings=["learn_from"]).splitlines()[3].endswith("|  |  |")
