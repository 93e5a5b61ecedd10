"""The phantom: reproducible, in CheXpert's layout, true to its labels."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.phantom import anatomy, cohort, dataset, diseases
from rayling.phantom.anatomy import Body, lung_distances
from rayling.phantom.projection import View, body_coordinates, random_side
from rayling.phantom.render import frontal
from stages import phantom

LABELS = list(diseases.LABELS)


@pytest.fixture(scope="module")
def train():
    """900 patients, none drawn."""
    return cohort.sample(seed=7, first=1, patients=900)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small data set on disk: its folder, and its studies."""
    folder = tmp_path_factory.mktemp("phantom")
    studies = cohort.sample(seed=3, first=1, patients=12)
    write(folder, studies, processes=2)
    return folder, studies


def write(folder, studies, processes):
    reported = dataset.reported_labels(studies, label_noise=0.05, uncertain=0.1, blank=0.8)
    dataset.write_split(folder / "train", studies, reported, size=48, processes=processes)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def xray(severities, seed=1, size=96, view=None):
    """An X-ray of a default body with these findings, (size, size) float."""
    view = view or View()
    picture = frontal(Body(), view, severities, size, (seed, 5), (seed, 5, 1))
    return picture.astype(float)


def test_same_seed_gives_same_bytes_with_any_number_of_processes(written, tmp_path):
    folder, _ = written
    write(tmp_path, cohort.sample(seed=3, first=1, patients=12), processes=1)
    assert contents(tmp_path) == contents(folder)


def test_another_seed_gives_another_cohort(written, tmp_path):
    folder, _ = written
    write(tmp_path, cohort.sample(seed=4, first=1, patients=12), processes=2)
    here, there = contents(tmp_path), contents(folder)
    shared = [name for name in here if name in there]
    assert shared and all(here[name] != there[name] for name in shared)


def test_a_patient_does_not_depend_on_the_others():
    alone = cohort.sample(seed=7, first=40, patients=1)
    assert alone == [s for s in cohort.sample(seed=7, first=30, patients=20) if s.patient == 40]


def test_files_and_table_follow_chexperts_layout(written):
    folder, studies = written
    table = pd.read_csv(folder / "train.csv")
    head = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
    assert list(table.columns) == head + LABELS
    assert table["Path"][0] == "CheXpert-phantom/train/patient00001/study1/view1_frontal.jpg"
    files = {"CheXpert-phantom/" + str(p.relative_to(folder)) for p in folder.rglob("*.jpg")}
    assert set(table["Path"]) == files and len(files) == len(table)
    lateral = table[table["Frontal/Lateral"] == "Lateral"]
    assert len(lateral) == sum(s.lateral for s in studies) > 0
    assert lateral["Path"].str.endswith("view2_lateral.jpg").all() and lateral["AP/PA"].isna().all()
    with Image.open(folder / table["Path"][0].removeprefix("CheXpert-phantom/")) as image:
        assert (image.mode, image.size, image.format) == ("L", (48, 48), "JPEG")


def test_labels_of_valid_are_complete_and_true():
    studies = cohort.sample(seed=7, first=cohort.FIRST_VALID_PATIENT, patients=50, max_studies=1)
    table = dataset.chexpert_table(studies, "valid", dataset.true_labels(studies))
    assert set(np.unique(table[LABELS])) == {0.0, 1.0}
    assert table["Path"][0].startswith("CheXpert-phantom/valid/patient64541/study1/")


def test_splits_share_no_patient(train):
    valid = cohort.sample(seed=7, first=cohort.FIRST_VALID_PATIENT, patients=50, max_studies=1)
    assert {s.patient for s in train}.isdisjoint({s.patient for s in valid})
    assert len({s.patient for s in train}) == 900 and len(valid) == 50


def test_reported_labels_have_the_requested_noise(train):
    true = dataset.true_labels(train)
    reported = dataset.reported_labels(train, label_noise=0.1, uncertain=0.0, blank=0.0)
    known = ~np.isnan(reported)
    positive = np.nan_to_num(reported)
    assert (positive[true == 1] == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert (true[positive == 1] == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert not known[:, 0][true[:, 0] == 0].all() and known[:, 1:].all()
    clean = dataset.reported_labels(train, label_noise=0.0, uncertain=0.0, blank=0.0)
    assert np.array_equal(np.nan_to_num(clean), true)


def test_reported_labels_have_the_requested_shares_of_uncertain_and_blank(train):
    true = dataset.true_labels(train)[:, 1:]
    reported = dataset.reported_labels(train, label_noise=0.0, uncertain=0.1, blank=0.8)[:, 1:]
    assert np.isnan(reported[true == 0]).mean() == pytest.approx(0.8, abs=0.02)
    assert (reported[true == 1] == -1).mean() == pytest.approx(0.1, abs=0.03)
    column = LABELS.index("Pleural Effusion") - 1
    severity = np.array([s.severities.get("Pleural Effusion", np.nan) for s in train])
    assert np.nanmean(severity[reported[:, column] == -1]) < np.nanmean(severity[reported[:, column] == 1]) - 0.05


def test_findings_have_plausible_prevalence_and_co_occurrence(train):
    true = pd.DataFrame(dataset.true_labels(train), columns=LABELS)
    assert true.mean().between(0.03, 0.7).all(), true.mean()
    assert true["Edema"][true["Cardiomegaly"] == 1].mean() > 1.5 * true["Edema"].mean()
    assert true["Pneumonia"][true["Consolidation"] == 1].mean() > 1.5 * true["Pneumonia"].mean()
    others = true.drop(columns=["No Finding", "Support Devices"]).any(axis=1)
    assert ((true["No Finding"] == 1) == ~others).all()


def test_most_findings_persist_between_studies_and_some_change(train):
    pairs = [(a, b) for a, b in pairwise(train) if a.patient == b.patient]
    kept = [name in b.severities for a, b in pairs for name in a.severities]
    assert 0.6 < np.mean(kept) < 0.98
    assert all(a.body == b.body and a.view != b.view for a, b in pairs)


def cardiothoracic_ratio(study):
    """Width of the drawn heart over the width of the drawn thorax."""
    body = diseases.deform(study.body, study.severities, (study.seed, study.patient))
    view = replace(study.view, angle=0.0, shift=(0.0, 0.0), zoom=1.0)
    chest = anatomy.draw_frontal(replace(body, lift=(0.0, 0.0)), view, 256, np.random.default_rng(0))
    across = [np.ptp(np.flatnonzero(mask.any(axis=0))) for mask in (chest.heart > 0.05, chest.to_wall > 0)]
    return across[0] / across[1]


def test_the_heart_is_enlarged_exactly_where_its_label_says_so(train):
    big = [s for s in train if "Cardiomegaly" in s.severities][:25]
    small = [s for s in train if "Cardiomegaly" not in s.severities][:25]
    assert min(cardiothoracic_ratio(s) for s in big) > 0.5
    assert max(cardiothoracic_ratio(s) for s in small) < 0.5


def corner(picture, side):
    """Mean grey of the costophrenic angle on one side of the picture, -1 left, 1 right."""
    x, y = body_coordinates(len(picture), View())
    to_wall, to_diaphragm = lung_distances(Body(), View(), x, y)
    near_wall = (to_wall > 0.03) & (to_wall < 0.2)
    return picture[(x * side > 0) & near_wall & (to_diaphragm > 0.02) & (to_diaphragm < 0.15)].mean()


@pytest.mark.parametrize("seed", range(1, 9))
def test_effusion_whitens_the_costophrenic_angle_on_its_side(seed):
    side = random_side(diseases.location_generator((seed, 5), "Pleural Effusion"))
    healthy, wet = xray({}, seed), xray({"Pleural Effusion": 0.7}, seed)
    assert corner(wet, side) > corner(healthy, side) + 40
    assert np.abs(wet - healthy)[:30].mean() < 2  # the apices stay as they are


@pytest.mark.parametrize("name", [n for n in LABELS if n != "No Finding"])
def test_every_finding_is_visible_and_more_so_when_more_severe(name):
    def change(severity):
        return np.mean([np.abs(xray({name: severity}, s) - xray({}, s)).mean() for s in (1, 2, 3)])

    assert 0.05 < change(0.1) < change(0.9)


def test_free_air_is_black_and_fluid_white():
    healthy = xray({})
    assert (xray({"Pneumothorax": 0.9}) - healthy).min() < -20
    assert (xray({"Consolidation": 0.9}) - healthy).max() > 50


def test_contact_sheet_shows_every_label(written, tmp_path):
    folder, studies = written
    picked = dataset.examples(cohort.sample(seed=7, first=1, patients=300))
    assert len(picked) == 28 and [title for _, title in picked[:14]] == LABELS
    for study, title in picked[:14]:
        assert dataset.true_labels([study])[0, LABELS.index(title)] == 1
    dataset.draw_examples(folder / "train", studies, tmp_path / "sheet.png")
    assert 20_000 < (tmp_path / "sheet.png").stat().st_size < 400_000


def test_main_writes_what_params_ask_for(tmp_path, monkeypatch):
    asked = {"patients": 20, "valid_patients": 5, "size": 32, "seed": 2}
    noise = {"label_noise": 0.1, "uncertain": 0.1, "blank": 0.5}
    render = SimpleNamespace(**asked, **noise)
    monkeypatch.setattr(phantom.params, "read", lambda *keys: SimpleNamespace(**dict.fromkeys(keys, render)))
    monkeypatch.chdir(tmp_path)
    phantom.main()
    train, valid = (pd.read_csv(f"data/raw/phantom/{split}.csv") for split in ("train", "valid"))
    patients = [table["Path"].str.extract(r"/(patient\d{5})/")[0] for table in (train, valid)]
    assert [p.nunique() for p in patients] == [20, 5] and set(patients[0]).isdisjoint(patients[1])
    assert {-1.0, 0.0, 1.0} == set(train[LABELS].stack().dropna())
    assert {0.0, 1.0} == set(valid[LABELS].stack()) and not valid[LABELS].isna().any(axis=None)
    assert Image.open("plots/phantom.png").size[0] > 700
