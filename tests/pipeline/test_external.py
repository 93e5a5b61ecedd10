"""Films of other hospitals, from their folder to their scores, on networks that are exported as a user has them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from rayling.common.atomic import write_json
from rayling.common.errors import BadInput
from rayling.evaluation.results import Calibration
from rayling.export import onnx_export, onnx_file
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.preparation.external import PATIENT, SEEN
from rayling.storage import films
from stages import check, evaluate_external, prepare_external
from tests.evaluation.drawn import scores_of, split
from tests.export.small_networks import FACTS, build, normalised
from tests.pipeline.prepare_study import LABELS, fill, run_prepare, write_list, write_params, xray
from tests.pipeline.test_opened import ONLY_WITH_FILMS, undeclared, unread
from tests.tiny import ROOT, dvc, edit, executed, heard

NORTH, SOUTH = Path("data/external/mine/north"), Path("data/external/mine/south")
SOURCES = [
    {"reader": "plain_csv", "folder": "north", "file": "list.csv"},
    {"reader": "class_folders", "folder": "south", "classes": {"ill": "Edema"}},
]
NETWORKS = ("teacher", "assistant", "student")


def save(pixels, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def hospitals(folder):
    """A prepared study and two sources: a CSV of 30 patients with two films each, a folder of 12 films of one class.

    The study's train is the images 0 to 19, dev 20 to 29 and test 30 to 39.
    """
    splits = ["train"] * 20 + ["dev"] * 10 + ["test"] * 10
    write_list([row | {"split": split} for row, split in zip(fill(folder), splits, strict=True)])
    run_prepare()
    rows = []
    for n in range(60):
        save(xray(1000 + n), NORTH / f"{n}.png")
        rows.append({"image": f"{n}.png", "patient": f"p{n // 2}", "Edema": n % 2, "Fracture": int(n % 3 == 0)})
    pd.DataFrame(rows).to_csv(NORTH / "list.csv", index=False)
    for n in range(12):
        save(xray(2000 + n), SOUTH / f"ill/{n}.png")
    return folder


def run(**changed):
    """Run the stage; returns the films and their list by image."""
    write_params(**{"external": SOURCES, "teacher": 48} | changed)
    prepare_external.main()
    return films.read("data/external.h5"), pd.read_csv("data/external.csv", keep_default_na=False).set_index("image")


def test_films_are_decoded_as_those_of_the_study_at_each_size_with_labels_and_patients(hospitals, capsys):
    found, listed = run()
    assert set(found.images) == {32, 48} and len(found.image_id) == len(listed) == 72
    assert found.source.tolist() == ["north"] * 60 + ["south"] * 12 and len(set(found.patient_id)) == 30 + 12
    for size, images in found.images.items():
        expected = Image.open(NORTH / "7.png").resize((size, size), Image.Resampling.BILINEAR)
        assert np.array_equal(images[found.image_id.tolist().index("north/7.png")], np.asarray(expected))
    assert found.labels[3].tolist() == [1, 1] and np.array_equal(found.labels[-1], [1, np.nan], equal_nan=True)
    assert "prepare_external: north: 60 films of 30 patients\n" in capsys.readouterr().out


def test_copies_of_train_and_dev_are_left_out_and_copies_of_test_stay(hospitals):
    for n, number in enumerate((7, 25, 31)):  # of train, dev and test
        save(xray(number), NORTH / f"{2 * n}.png")
    found, listed = run()
    assert listed.loc[["north/0.png", "north/2.png"], "left_out"].tolist() == [SEEN, SEEN]
    assert listed.loc[["north/0.png", "north/2.png"], "resembles"].tolist() == ["7.png", "25.png"]
    assert listed.loc[["north/1.png", "north/3.png"], "left_out"].tolist() == [PATIENT, PATIENT]
    assert (listed["left_out"] != "").sum() == 4 and "north/4.png" in found.image_id


def test_without_other_hospitals_both_stages_write_files_of_none(folder):
    found, listed = run(external=())
    assert len(found.image_id) == len(listed) == 0
    evaluate_external.main()
    assert json.loads(Path("metrics/external.json").read_text()) == {}
    assert Image.open("plots/external.png").width < 300


def refused(message, **changed):
    with pytest.raises(BadInput, match=message):
        run(**changed)
    assert not Path("data/external.h5").exists()


def test_what_cannot_be_scored_is_refused_in_one_line(hospitals):
    write_params(external=[SOURCES[0] | {"folder": "west"}])
    with pytest.raises(BadInput, match=r"studies.mine.external: data/external/mine/west not found, expected a folder"):
        check.main()
    refused(r"data/external/mine/west/list.csv: no such file", external=[SOURCES[0] | {"folder": "west"}])
    refused(r"south: found no image of class 'sane'", external=[SOURCES[1] | {"classes": {"sane": "Edema"}}])
    no_label = SOURCES[1] | {"classes": {"ill": ""}}
    refused(r"data/external/mine/south: found no label of its 12 films, expected some", external=[no_label])


def test_a_source_of_which_no_film_is_left_is_refused(hospitals):
    for n in range(12):
        save(xray(n % 2), SOUTH / f"ill/{n}.png")
    found = r"found all 12 films left out: in train or dev \(12\); expected some, see data/external.csv"
    refused(f"data/external/mine/south: {found}")


def test_a_film_that_cannot_be_read_is_listed_and_too_many_are_refused(hospitals):
    (NORTH / "5.png").write_bytes(b"no image")
    refused(r"data.max_unreadable: 0.0% are allowed, found 1 of 72 .*data/external.csv.*north/5.png: found text")
    found, listed = run(max_unreadable=0.05)
    assert listed.loc["north/5.png", "left_out"] == "unreadable" and len(found.image_id) == 71


@pytest.fixture
def networks(hospitals):
    """Three exported networks with their scores on test, of which one looks at another size."""
    run()
    made, rng, thresholds = {}, np.random.default_rng(0), np.array([0.4, 0.6])
    calibration = Calibration(LABELS, np.array([[1.5, -0.3], [0.7, 0.2]]), thresholds)
    facts = FACTS | {"threshold": dict(zip(LABELS, thresholds.tolist(), strict=True))}
    facts |= {"operating_point": None, "operating_points": {}}
    for name, size in zip(NETWORKS, (48, 32, 32), strict=True):
        network, header = build(size=size, labels=LABELS)
        torch.nn.init.normal_(network.linear.weight, std=3)
        exported = onnx_export.ExportedNetwork(network, header, calibration, OutOfDistribution(size))
        onnx_file.save(f"data/models/{name}.onnx", onnx_export.to_onnx(exported, size=size), vars(header) | facts)
        labels, probabilities = split(rng)
        scores = scores_of(labels[:, :2], probabilities[:, :2], names=LABELS)
        write_json(f"data/evaluation/{name}.json", {"decision": scores.pop("decision")})
        write_json(f"metrics/{name}.json", scores)
        made[name] = network, calibration, size
    return made


def test_the_scores_are_those_of_the_networks_as_torch_runs_them_and_scikit_learn_scores_them(networks):
    evaluate_external.main()
    found = json.loads(Path("metrics/external.json").read_text())
    truth = pd.read_csv(NORTH / "list.csv")[LABELS].to_numpy()
    for name, (network, calibration, size) in networks.items():
        resized = [Image.open(NORTH / f"{n}.png").resize((size, size), Image.Resampling.BILINEAR) for n in range(60)]
        with torch.inference_mode():
            logits = network(normalised(np.stack(resized)))[0].numpy()
        probabilities, north = calibration.probabilities(logits), found["north"][name]
        for k, label in enumerate(LABELS):
            area = roc_auc_score(truth[:, k], probabilities[:, k])
            assert north["auroc"]["per_label"][label]["external"] == pytest.approx(area, abs=2e-3)  # ties by rounding
            hit = (probabilities[truth[:, k] == 1, k] >= calibration.thresholds[k]).mean()
            assert north["sensitivity"]["per_label"][label]["external"] == pytest.approx(hit)
        inside = json.loads(Path(f"metrics/{name}.json").read_text())
        assert north["auroc"]["macro"]["internal"] == inside["auroc"]["macro"]
    south = found["south"]["student"]
    assert set(south["sensitivity"]["per_label"]) == {"Edema"} and not south["auroc"]["per_label"]
    assert Image.open("plots/external.png").height > 300


def test_a_network_of_other_labels_another_size_or_without_scores_on_test_is_refused(networks):
    for path, key in {"data/evaluation/student.json": "decision", "metrics/student.json": "auroc"}.items():
        scores = json.loads(Path(path).read_text())
        write_json(path, {name: value for name, value in scores.items() if name != key})
        with pytest.raises(BadInput, match=rf"{re.escape(path)}: found no {key}; expected what"):
            evaluate_external.main()
        write_json(path, scores)
    scores = json.loads(Path("data/evaluation/student.json").read_text())
    write_json("data/evaluation/student.json", scores | {"decision": {"Hernia": {}}})
    with pytest.raises(BadInput, match=r"evaluation/student\.json: found labels \['Hernia'\], expected \['Edema', "):
        evaluate_external.main()
    write_json("data/evaluation/student.json", scores)
    run(teacher=40)
    with pytest.raises(BadInput, match=r"teacher\.onnx: found labels .* 48 px, expected .* one of \[32, 40\] px"):
        evaluate_external.main()
    assert not Path("metrics/external.json").exists()


def test_a_damaged_list_of_films_is_refused(networks):
    listed = Path("data/external.csv")
    whole = listed.read_text()
    for harmed in ("", whole[:999], whole.replace("image", "picture", 1)):
        listed.write_text(harmed)
        with pytest.raises(BadInput, match=r"data/external\.csv: .*expected the films of data/external\.h5"):
            evaluate_external.main()


# In the whole pipeline, by DVC


def with_films(content):
    """The tiny study, with the films of its official test set as those of another hospital."""
    source = {"reader": "plain_csv", "folder": "elsewhere", "file": "list.csv", "columns": {"image": "Path"}}
    content["studies"]["phantom"]["external"] = [source]


@pytest.fixture(scope="module")
def scored(clone):
    """The tiny study in which films of another hospital have been scored, and the stages that ran for it."""
    raw, folder = clone / "data/raw/phantom", clone / "data/external/phantom/elsewhere"
    shutil.copytree(raw / "valid", folder / "valid")
    table = pd.read_csv(raw / "valid.csv").query("`Frontal/Lateral` == 'Frontal'")
    table.assign(Path=table["Path"].str.partition("/")[2]).to_csv(folder / "list.csv", index=False)
    edit(clone, with_films)
    log = clone.parent / "opened.txt"
    ran = executed(dvc(clone, "repro", PYTHONPATH=str(ROOT / "tests/opened"), OPENED=str(log)))
    return clone, ran, log.read_text().splitlines()


def test_films_of_other_hospitals_rerun_nothing_but_their_scores_and_the_report(scored):
    clone, ran, _ = scored
    assert ran == {"check", "prepare_external", "evaluate_external", "report"}
    assert executed(dvc(clone, "repro")) == set()
    found = json.loads((clone / "metrics/external.json").read_text())["elsewhere"]
    on_test = json.loads((clone / "metrics/student.json").read_text())
    assert (found["images"], found["patients"]) == (on_test["images"], on_test["patients"])
    score = found["student"]["auroc"]["macro"]  # the same films
    assert score["external"] == pytest.approx(score["internal"], abs=1e-5)
    assert "<h2>Films of other hospitals</h2>" in (clone / "plots/report.html").read_text()


@pytest.mark.parametrize("stage", ONLY_WITH_FILMS)
def test_with_films_each_stage_reads_what_it_declares(scored, stage):
    clone, _, lines = scored
    assert undeclared(heard(clone, lines), stage) == unread(heard(clone, lines), stage) == set()
