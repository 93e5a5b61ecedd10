"""The stage `report` on a small study, and on files that are missing or incomplete."""

import json
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from rayling.common.atomic import write_json
from rayling.common.errors import BadInput
from rayling.reporting import tables
from rayling.reporting.training_curves import read_history
from stages import report
from tests.reporting.test_external_tables import of_source
from tests.tiny import ROOT

LABELS = ["Cardiomegaly", "Edema"]
PICTURES = ["prepare/train", *(f"cases/{kind}" for kind in ("best", "worst", "disagreeing"))]
PICTURES += [
    f"evaluation/{network}/{name}"
    for network in tables.NETWORKS
    for name in ("roc", "precision_recall", "calibration", "decision_curve", "cooccurrence")
]
LESS = {"": -0.02, "_low": -0.03, "_high": -0.01}
HISTORY = "epoch,loss,hard,dev_loss,dev_auroc\n0,0.9,0.9,0.8,0.6\n1,0.7,0.7,0.8,0.7\n"


CLASS_SCORES = {
    "accuracy": 0.91,
    "accuracy_low": 0.9,
    "accuracy_high": 0.92,
    "balanced_accuracy": 0.81,
    "balanced_accuracy_low": 0.8,
    "balanced_accuracy_high": 0.82,
    "threshold": dict.fromkeys(LABELS),
    "constant": {"answers": "Edema", "accuracy": 0.61},
}


def score(value):
    ends = {"": value, "_low": value - 0.1, "_high": value + 0.1}
    of_labels = {f"per_label{end}": dict.fromkeys(LABELS, bound) for end, bound in ends.items()}
    return {f"macro{end}": bound for end, bound in ends.items()} | of_labels


def decision():
    """Of a label on 20 images of 20 patients."""
    rates = {"sensitivity": 0.625, "specificity": 0.75, "ppv": 0.375, "npv": None}
    ends = {f"{rate}{end}": value for rate, value in rates.items() for end in ("", "_low", "_high")}
    ratios = {"positive_likelihood_ratio": 2.5, "negative_likelihood_ratio": None}
    return {"tp": 5, "fp": 3, "fn": 3, "tn": 9} | ends | ratios


def groups(*rates) -> dict[str, dict]:
    """The scores of two groups that `evaluate` writes."""
    found = {"images": 9, "patients": 8, "auroc": 0.81, "auroc_low": 0.75, "auroc_high": 0.86}
    found |= dict.fromkeys(rates, 0.7)
    gap = {"highest": "male", "lowest": "female", "auroc": 0.05, "auroc_low": -0.01, "auroc_high": 0.1}
    return {"sex": {"labels": ["Edema"], "scores": {"female": found, "male": found}, "largest_gap": gap}}


def metrics() -> dict[str, dict]:
    """The files in metrics/ by name, as far as the report reads them."""
    scores = {"auroc": score(0.8), "average_precision": score(0.7), "f1": score(0.6), "calibration_error": score(0.1)}
    scores["calibration_error"]["uncalibrated"] = 0.2
    scores |= {f"calibration_{name}": score(value) for name, value in {"intercept": -0.25, "slope": 1.125}.items()}
    scores |= {f"{kind}_patients": dict.fromkeys(LABELS, n) for kind, n in {"positive": 8, "negative": 12}.items()}
    scores |= {"images": 20, "patients": 10, "parameters": 1000, "macs": 9000, "threshold": dict.fromkeys(LABELS, 0.4)}
    counts = {"all": 20, "positive": dict.fromkeys(LABELS, 8), "unknown": {"Edema": 2}}
    splits = ("train", "dev", "test")
    control = {"constant": 0.5, "border_alone": 0.6, "border_alone_low": 0.5, "border_alone_high": 0.7, "student": 0.8}
    file = {"bytes": 5000, "largest_difference": 1e-7, "auroc": 0.8, "changed_decisions": 0.015}
    less = {f"{score}{end}": bound for score in ("auroc", "average_precision") for end, bound in LESS.items()}
    return {
        **dict.fromkeys(tables.NETWORKS, scores),
        "prepare": {
            "images": dict.fromkeys(splits, counts),
            "patients": {split: {"all": 10} for split in splits},
            "left_out": {"all": 3, "unreadable": 3},
            "labelled": {"images": 20},
            "balanced": {"all": 24},
        },
        "controls": dict.fromkeys(("auroc", "average_precision", "f1"), control)
        | {"student_minus_teacher": less, "student_minus_assistant": less}
        | {"remark": ["A *remark*."], "distillation": {"verdict": "no different", "remark": ["No <difference>."]}},
        "export": {"float32": file, "int8": file, "out_of_distribution": {"test": 0.01, "coarse_noise": 1.0}},
        "latency": {name: {"p50_ms": 1.0, "p99_ms": 2.0} for name in (*tables.NETWORKS, "student.int8")}
        | {"machine": "x"},
        "external": {},
        "attribution": {},
    }


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Metrics, plots and parameters of a small study, in the current folder, which is no git repository."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")) | {"study": "phantom"}
    content["studies"]["phantom"]["data"]["labels"] = LABELS
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for name, numbers in metrics().items():
        write_json(tmp_path / f"metrics/{name}.json", numbers)
    details = {"decision": dict.fromkeys(LABELS, decision()), "groups": groups("sensitivity", "specificity")}
    details |= {"operating_point": "f1=max", "operating_points": dict.fromkeys(["f1=max", "a=b"], details["decision"])}
    for network in tables.NETWORKS:
        write_json(tmp_path / f"data/evaluation/{network}.json", details)
    for name in PICTURES:
        path = tmp_path / f"plots/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(path)
    (tmp_path / "plots/training").mkdir()
    for network in tables.NETWORKS:
        (tmp_path / f"plots/training/{network}.csv").write_text(HISTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def exclusive(study):
    """The same study with classes that exclude one another: other keys in the metrics, another picture."""
    content = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    content["studies"]["phantom"]["data"]["exclusive"] = True
    content["studies"]["phantom"]["operating_point"] = {"answer": "most_probable"}
    (study / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    of_groups = {"groups": groups("balanced_accuracy"), "operating_point": None, "operating_points": {}}
    for network in tables.NETWORKS:
        change(study / f"metrics/{network}.json", lambda scores: scores.update(CLASS_SCORES))
        change(study / f"data/evaluation/{network}.json", lambda details: details.update(of_groups))
        folder = study / f"plots/evaluation/{network}"
        (folder / "cooccurrence.png").rename(folder / "confusion.png")
    return study


def pages(folder):
    """The texts of report and model card, the former without the marks that keep an interval on one line."""
    page, card = ((folder / "plots" / name).read_text(encoding="utf-8") for name in ("report.html", "MODEL_CARD.md"))
    return re.sub("</?span>", "", page), card


def change(path, edit):
    """Change a JSON file in place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_the_pages_and_the_training_curves_are_written(study):
    report.main()
    assert Image.open(study / "plots/training.png").format == "PNG"
    page, card = pages(study)
    for text in (page, card):
        assert "Made outside a git repository" in text and "Not for clinical use" in text
        assert "-0.020 (-0.030 to -0.010)" in text and "8 / 12" in text and "1.125" in text
        assert "0.800 (0.700–0.900)" in text and "1.0% of test, 100.0% of coarse noise" in text
        assert "sex: female" in text and "0.810 (0.750–0.860)" in text and "a difference of 0.050" in text
    assert page.count("data:image/png;base64,") == len(PICTURES) + 1
    assert "A *remark*." in page and "A \\*remark\\*." in card
    assert "<td>1.5%</td>" in page and "<td>-0.250</td>" in page
    assert page.count("No &lt;difference&gt;.") == card.count("No \\<difference\\>.") == 1
    assert "accuracy" not in page + card and "threshold" in card and '<th scope="col">threshold</th>' in page


def test_where_the_data_name_no_groups_the_pages_say_so_and_have_no_table(study):
    change(study / "data/evaluation/student.json", lambda details: details.update(groups={}))
    report.main()
    for text in pages(study):
        assert text.count("the data name no two groups by sex, age or view.") == 1 and "sex: female" not in text


def test_films_of_other_hospitals_have_a_section_if_there_are_any(study):
    report.main()
    page, card = pages(study)
    assert "<h2>Films of" not in page and "Films of" not in card
    change(study / "metrics/external.json", lambda found: found.update({"<b>North": of_source()}))
    Image.new("L", (3, 3)).save(study / "plots/external.png")
    report.main()
    page, card = pages(study)
    assert page.count("data:image/png;base64,") == len(PICTURES) + 2 and "&lt;b&gt;North" in page
    assert "\\<b\\>North" in card and "150 films of 70 patients" in page and "150 films of 70 patients" in card


def test_a_harmful_distillation_is_said_before_any_result(study):
    change(
        study / "metrics/controls.json", lambda found: found["distillation"].update(verdict="worse", remark=["Harm!"])
    )
    report.main()
    page, card = pages(study)
    assert 0 < page.index("Harm!") < page.index("AUROC")
    assert "\n\n**Harm!**\n\n## Model details" in card and card.count("Harm!") == 1


def test_of_exclusive_classes_accuracies_and_the_confusion_matrix_are_shown_and_no_thresholds(exclusive):
    report.main()
    page, card = pages(exclusive)
    for text in (page, card):
        assert "0.910 (0.900–0.920)" in text and "0.810 (0.800–0.820)" in text
        assert "always answering Edema 0.610" in text and "hreshold" not in text
    assert (
        'alt="Share of each class that the student takes for each class. Accuracy 0.910' in page
        and "cooccurrence" not in page
    )
    assert page.count("data:image/png;base64,") == len(PICTURES) + 1


@pytest.mark.parametrize("name", [*tables.NETWORKS, "prepare", "controls", "export", "latency", "external"])
def test_a_metrics_file_that_is_missing_is_named(study, name):
    (study / f"metrics/{name}.json").unlink()
    with pytest.raises(BadInput, match=f"metrics/{name}.json: "):
        report.main()


@pytest.mark.parametrize(
    ("path", "keys"), [(path, keys) for path, several in report.KEYS.items() for keys in (several[0], several[-1])]
)
def test_a_key_that_is_missing_is_named_with_its_file_and_nothing_is_written(study, path, keys):
    *blocks, last = keys.split("/")

    def remove(content):
        for key in blocks:
            content = content[key]
        del content[last]

    change(study / path, remove)
    with pytest.raises(BadInput, match=f"{path}: found no {keys}, expected"):
        report.main()
    assert not (study / "plots/training.png").exists()


def test_scores_of_other_labels_are_refused(study):
    change(study / "metrics/teacher.json", lambda scores: scores["auroc"]["per_label"].pop("Edema"))
    with pytest.raises(BadInput, match=r"metrics/teacher\.json: found labels"):
        report.main()


def test_a_bug_is_no_bad_input(study, monkeypatch):
    monkeypatch.setattr(tables, "latency_note", lambda latency: latency["no such key"])
    with pytest.raises(KeyError):
        report.main()


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n0,1\n", "epoch,loss,dev_loss,dev_auroc\n0,a,1,1\n"])
def test_what_is_not_a_training_history_is_refused(tmp_path, content):
    path = Path(tmp_path, "student.csv")
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match=r"student\.csv: not a training history"):
        read_history(path)
