"""`params.yaml` is typed: a wrong value is refused in one line that names the key."""

import pytest

from rayling.config import params
from tests.config.edits import REMOVE, STUDIES, TEXT, edited, edited_at, refusal

PHANTOM = "studies.phantom"
SOURCES = "studies.phantom.data.sources"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("temperature", 0, "temperature: found 0"),
        ("temperature", 20.0, "temperature: found 20.0"),
        ("temperature", "20", "temperature: found '20'"),
        ("temperature", True, "temperature: found True"),
        ("temperature", REMOVE, "temperature: missing"),
        ("temprature", 20, "temprature: unknown key, did you mean temperature?"),
        ("seed", -1, "seed: found -1"),
        ("learn_from", "nobody", "learn_from: found 'nobody'"),
        ("studies.nih.teacher.lr", -0.1, "studies.nih.teacher.lr: found -0.1"),  # nih is also the name of a reader
        ("studies.covid.teacher.lr", -0.1, "studies.covid.teacher.lr: found -0.1"),
        ("studies.covid.teacher.lr", float("nan"), "studies.covid.teacher.lr: found nan"),
        ("studies.covid.teacher.lr", float("inf"), "studies.covid.teacher.lr: found inf"),
        ("studies.covid.teacher.lr", REMOVE, "studies.covid.teacher.lr: missing"),
        ("studies.covid.teacher.lrate", 0.1, "studies.covid.teacher.lrate: unknown key"),
        ("studies.covid.student.wieghts", {}, "studies.covid.student.wieghts: unknown key, did you mean weights?"),
        ("studies.covid.features.levels", [2, 3], "studies.covid.features.levels: found [2, 3]"),
        ("studies.covid.data.labelled_fraction", 0.0, "studies.covid.data.labelled_fraction: found 0.0"),
        ("studies.covid.data.labelled_fraction", 1.1, "studies.covid.data.labelled_fraction: found 1.1"),
        ("studies.covid.cached_views", 0, "studies.covid.cached_views: found 0"),
        ("studies.covid.student.directions", 0, "studies.covid.student.directions: found 0"),
        ("studies.covid.student.directions", REMOVE, "studies.covid.student.directions: missing"),
        ("learn_from", "both", "learn_from: found 'both'"),
        ("studies.covid.student.wasserstein", "pixels", "studies.covid.student.wasserstein: found 'pixels'"),
        ("studies.covid.views.shift", 1.0, "studies.covid.views.shift: found 1.0"),
        ("studies.covid.data.labels", [], "studies.covid.data.labels: found []"),
        ("studies.covid.data.size", 31, "studies.covid.data.size: found 31"),
        ("studies.covid.data.size", 10**7, "studies.covid.data.size: found 10000000"),
        ("studies.covid.features.grid", 10**6, "studies.covid.features.grid: found 1000000"),
        ("studies.covid.cached_views", 10**12, "studies.covid.cached_views: found 1000000000000"),
        ("studies.covid.teacher.epochs", 10**12, "studies.covid.teacher.epochs: found 1000000000000"),
        ("studies.covid.views.rotate", 1e308, "studies.covid.views.rotate: found 1e+308"),
        ("temperature", 10**12, "temperature: found 1000000000000"),
        ("phantom.size", 10**7, "phantom.size: found 10000000"),
        ("studies.covid.data.keep_aspect", "no", "studies.covid.data.keep_aspect: found 'no'"),
        ("studies.covid.softening", "relu", "studies.covid.softening: found 'relu'"),
        (SOURCES, [], "studies.phantom.data.sources: found []"),
        (SOURCES, [{"reader": "chexprt"}], f"{SOURCES}.0.reader: found 'chexprt', expected one of"),
        (
            "studies.phantom.data.sources",
            [{"reader": "chexpert", "fodler": "."}],
            f"{SOURCES}.0.fodler: unknown key, did you mean folder?",
        ),
        ("studies.phantom.data.labels", ["Edema", "Edema"], "studies.phantom.data: labels: found one twice"),
        ("studies.phantom.data.labels", ["Edema", "EDEMA "], "studies.phantom.data: labels: found one twice"),
        (
            "studies.phantom.features.grid",
            9,
            "studies.phantom: features.grid: found 9, expected at most 8, as the student's last feature",
        ),
        ("studies.phantom.data.test", 0.9, "studies.phantom.data: dev 0.15, test 0.9: expected a sum below 1"),
        ("studies.phantom.balance.counts", {"Edma": 9}, "studies.phantom: balance: found label 'Edma'"),
        ("studies.phantom.balance.counts", {"Edema": 0.5}, "studies.phantom.balance.counts.Edema: found 0.5"),
        ("studies.phantom.balance.ratios", {"Edema": 0.0}, "studies.phantom.balance.ratios.Edema: found 0.0"),
        (
            "studies.covid.balance.ratios",
            {"Pneumonia": 1.0},
            "studies.covid: balance: found 'Pneumonia' in counts and in ratios, expected it in one",
        ),
        ("studies.phantom.data.labels", ["split"], "studies.phantom.data: labels: found 'split', expected another"),
        (
            SOURCES,
            [{"reader": "plain_csv", "folder": ".", "file": "a.csv", "columns": {"img": "Path"}}],
            f"{SOURCES}.0.columns.img",
        ),
        (SOURCES, [{"reader": "nih", "folder": ".", "columns": {}}], f"{SOURCES}.0.columns: not a key of this block"),
        (
            SOURCES,
            [{"reader": "medmnist", "folder": "../x", "file": "a.npz"}],
            f"{SOURCES}.0.folder: found '../x', expected",
        ),
        (
            "studies.phantom.data.split_file",
            "/a.csv",
            "studies.phantom.data.split_file: found '/a.csv', expected a path",
        ),
        (
            "studies.covid.balance.counts",
            {"Normal": 10**13},
            "studies.covid.balance.counts.Normal: found 10000000000000",
        ),
        (SOURCES, [{"reader": "medmnist", "folder": "."}], f"{SOURCES}.0.file: missing"),
        (
            "studies.covid.data.labels",
            ["Normal", "Pneumonia"],
            "studies.covid.data: sources: covid-chestxray-dataset: found label 'COVID-19'",
        ),
        (
            "studies.covid.features.levels",
            [4, 3, 2],
            "studies.covid.features.levels: found [4, 3, 2], expected three in",
        ),
        ("phantom.patients", 64541, "phantom.patients: found 64541"),
        (f"{PHANTOM}.operating_point", {}, f"{PHANTOM}.operating_point: found none, expected one of f1, sens"),
        (
            f"{PHANTOM}.operating_point",
            {"f1": "max", "sensitivity": 0.9},
            f"{PHANTOM}.operating_point: found f1, sensitivity, expected one of",
        ),
        (f"{PHANTOM}.operating_point", {"sensitivity": 95}, f"{PHANTOM}.operating_point.sensitivity: found 95"),
        (f"{PHANTOM}.operating_point", {"sensitivty": 0.9}, f"{PHANTOM}.operating_point.sensitivty: unknown key, did"),
        (
            f"{PHANTOM}.operating_point",
            {"thresholds": {"Edema": 0.5}},
            f"{PHANTOM}: operating_point: found thresholds of Edema, expected of each label: Cardiomegaly, Lung Lesion",
        ),
        (
            f"{PHANTOM}.operating_point",
            {"answer": "most_probable"},
            f"{PHANTOM}: operating_point: found {{'answer': 'most_probable'}}, expected one of f1",
        ),
        (
            "studies.covid.operating_point",
            {"f1": "max"},
            "studies.covid: operating_point: found {'f1': 'max'}, expected answer: most_probable",
        ),
        ("seed", 2**63, "seed: found 9223372036854775808"),
        ("studies.covid.lesson", "all_views", "studies.covid.lesson: found 'all_views'"),
        ("studies.covid.student.head", 0, "studies.covid.student.head: found 0"),
        ("studies.covid.teacher.folds", 0, "studies.covid.teacher.folds: found 0"),
        ("studies.covid.teacher.size", 31, "studies.covid.teacher.size: found 31"),
        ("studies.covid.assistant.fine_tuning.warmup", 1.0, "studies.covid.assistant.fine_tuning.warmup: found 1.0"),
        (
            "studies.covid.teacher.fine_tuning.backbone_lr",
            0.0,
            "studies.covid.teacher.fine_tuning.backbone_lr: found 0.0",
        ),
        (
            "studies.phantom.hard_loss",
            "cross_entropy",
            "studies.phantom: hard_loss: found cross_entropy, expected bce unless data.exclusive is true",
        ),
        (
            "studies.phantom.teacher.freeze",
            True,
            "studies.phantom.teacher: freeze: found true with pretrained: false, expected pretrained: true",
        ),
        (
            "studies.phantom.teacher.freeze",
            [False, False],
            "studies.phantom.teacher: freeze: found 2 values, expected one, or one for each of the backbones",
        ),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_its_key(tmp_path, key, value, expected):
    message = refusal(edited(tmp_path, key, value))
    assert f"params.yaml: {expected}" in message
    assert "\n" not in message


HANNOVER = {"reader": "plain_csv", "folder": "hannover", "file": "data.csv", "all_are": "COVID-19"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"all_are": "Covid"}, "external: hannover: found label 'Covid', expected one of Normal, Pneumonia, COVID-19"),
        ({"folder": "chest_xray/"}, "external: chest_xray/: found a folder of data.sources, expected one that names"),
        ({"folder": "."}, "external: .: found a folder of the study itself, expected one that names the source"),
        ({"folder": "../hannover"}, "external.0.folder: found '../hannover', expected a path below its folder"),
        ({"unlabelled": True}, "external: hannover: found unlabelled: true, expected labels to score by"),
        ({"classes": {"a": "Normal"}}, "external.0: all_are: found 'COVID-19' and classes too, expected one of them"),
        ({"path": "images/"}, "external.0: path: found 'images/', expected a path with one {}"),
    ],
)
def test_a_wrong_source_of_another_hospital_is_refused(tmp_path, change, expected):
    path = edited(tmp_path, "studies.covid.external", [HANNOVER])
    assert params.read("study", path=path).study == "phantom"
    message = refusal(edited(tmp_path, "studies.covid.external", [HANNOVER | change]))
    assert expected in message and "\n" not in message


def test_two_sources_of_other_hospitals_have_two_folders(tmp_path):
    message = refusal(edited(tmp_path, "studies.covid.external", [HANNOVER, HANNOVER]))
    assert "studies.covid: external: hannover: found a folder of external, expected one that names" in message


@pytest.mark.parametrize("taught", ["assistant", "student"])
def test_feature_maps_are_refused_for_each_network_that_learns_from_any_view(tmp_path, taught):
    key, both = "studies.phantom.{}.weights.feature", ("assistant", "student")
    edits = {"studies.phantom.lesson": "any_view"} | {key.format(name): float(name == taught) for name in both}
    message = refusal(edited_at(tmp_path, edits))
    assert f"studies.phantom: {taught}.weights.feature: found 1.0, expected 0 with any_view" in message
    assert "\n" not in message
    edits[key.format(taught)] = 0.0
    assert params.read("lesson", path=edited_at(tmp_path, edits)).lesson == "any_view"


@pytest.mark.parametrize("taught", ["assistant", "student"])
def test_softmax_without_hard_labels_is_refused_unless_classes_exclude_one_another(tmp_path, taught):
    edits = {"study": "covid", "studies.covid.softening": "softmax", f"studies.covid.{taught}.weights.hard": 0.0}
    # softmax does not teach the offset, which there changes no probability
    assert params.read("data", path=edited_at(tmp_path, edits)).data.exclusive
    edits |= {"studies.covid.data.exclusive": False, "studies.covid.hard_loss": "bce"}
    message = refusal(edited_at(tmp_path, edits))
    assert f"studies.covid: {taught}.weights.hard: found 0, expected more, or softening: sigmoid" in message
    assert "\n" not in message


def test_softmax_over_a_single_label_is_refused(tmp_path):
    edits = {"studies.phantom.data.labels": ["Edema"], "studies.phantom.softening": "softmax"}
    assert "softening: found softmax and one label, expected sigmoid" in refusal(edited_at(tmp_path, edits))


def test_a_head_of_more_cells_than_the_last_feature_map_is_refused(tmp_path):
    edits = {"studies.phantom.data.size": 32, "studies.phantom.student.head": 5}
    assert "student.head: found 5, expected at most 4" in refusal(edited_at(tmp_path, edits))


def test_a_misspelt_key_is_reported_as_misspelt_and_not_as_missing(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("\ntemperature:", "\ntemprature:"), encoding="utf-8")
    assert refusal(path).endswith("temprature: unknown key, did you mean temperature?")


def test_an_unknown_study_is_refused_with_the_list_of_studies(tmp_path):
    message = refusal(edited(tmp_path, "study", "phantm"))
    assert "study: found 'phantm'" in message
    assert all(study in message for study in STUDIES)
    assert "\n" not in message


@pytest.mark.parametrize("text", [None, "a: [1", "", TEXT + "\nseed: 1\n"], ids=["absent", "broken", "empty", "twice"])
def test_an_unusable_file_is_named_in_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    message = refusal(path)
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["v1.2", "x[1]", "a b", "a/b", ""])
def test_a_study_whose_name_dvc_cannot_look_up_is_refused(tmp_path, name):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("\n  chestmnist:", f"\n  '{name}':"), encoding="utf-8")
    message = refusal(path)
    assert f"params.yaml: studies: found a study named {name!r}, expected letters, digits, - and _ alone" in message
    path.write_text(TEXT.replace("\n  chestmnist:", "\n  Röntgen-2_1:"), encoding="utf-8")
    assert params.read("study", path=path).study == "phantom"
