"""The phantom: reproducible, in CheXpert's layout, true to its labels."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from distill import anatomy, cohort, findings, labeller
from distill.body import Body, pleura
from distill.film import View, grid
from distill.render import frontal
from distill.seeds import side
from stages import phantom

LABELS = list(findings.LABELS)


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
    heard = labeller.reports(studies, label_noise=0.05, uncertain=0.1, blank=0.8)
    phantom.write(folder / "train", studies, heard, size=48, processes=processes)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def film(strengths, seed=1, size=96, view=None):
    """A film of a default body with these findings, (size, size) float."""
    view = view or View()
    picture = frontal(Body(), view, strengths, size, (seed, 5), (seed, 5, 1))
    return picture.astype(float)


def test_same_seed_same_bytes_however_many_processes(written, tmp_path):
    folder, _ = written
    write(tmp_path, cohort.sample(seed=3, first=1, patients=12), processes=1)
    assert contents(tmp_path) == contents(folder)


def test_another_seed_is_another_cohort(written, tmp_path):
    folder, _ = written
    write(tmp_path, cohort.sample(seed=4, first=1, patients=12), processes=2)
    here, there = contents(tmp_path), contents(folder)
    shared = [name for name in here if name in there]
    assert shared and all(here[name] != there[name] for name in shared)


def test_a_patient_does_not_depend_on_the_others():
    alone = cohort.sample(seed=7, first=40, patients=1)
    assert alone == [s for s in cohort.sample(seed=7, first=30, patients=20) if s.patient == 40]


def test_layout_is_chexperts(written):
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


def test_valid_labels_are_known_and_true():
    studies = cohort.sample(seed=7, first=cohort.FIRST_VALID, patients=50, most_studies=1)
    table = labeller.table(studies, "valid", np.array([labeller.truth(s) for s in studies]))
    assert set(np.unique(table[LABELS])) == {0.0, 1.0}
    assert table["Path"][0].startswith("CheXpert-phantom/valid/patient64541/study1/")


def test_splits_share_no_patient(train):
    valid = cohort.sample(seed=7, first=cohort.FIRST_VALID, patients=50, most_studies=1)
    assert {s.patient for s in train}.isdisjoint({s.patient for s in valid})
    assert len({s.patient for s in train}) == 900 and len(valid) == 50


def test_reports_are_as_wrong_as_asked(train):
    true = np.array([labeller.truth(s) for s in train])
    heard = labeller.reports(train, label_noise=0.1, uncertain=0.0, blank=0.0)
    known = ~np.isnan(heard)
    told = np.nan_to_num(heard)
    assert (told[true == 1] == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert (true[told == 1] == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert not known[:, 0][true[:, 0] == 0].all() and known[:, 1:].all()
    clean = labeller.reports(train, label_noise=0.0, uncertain=0.0, blank=0.0)
    assert np.array_equal(np.nan_to_num(clean), true)


def test_reports_leave_as_much_open_as_asked(train):
    true = np.array([labeller.truth(s) for s in train])[:, 1:]
    heard = labeller.reports(train, label_noise=0.0, uncertain=0.1, blank=0.8)[:, 1:]
    assert np.isnan(heard[true == 0]).mean() == pytest.approx(0.8, abs=0.02)
    assert (heard[true == 1] == -1).mean() == pytest.approx(0.1, abs=0.03)
    column = LABELS.index("Pleural Effusion") - 1
    strength = np.array([s.strengths.get("Pleural Effusion", np.nan) for s in train])
    assert np.nanmean(strength[heard[:, column] == -1]) < np.nanmean(strength[heard[:, column] == 1]) - 0.05


def test_prevalence_and_company(train):
    true = pd.DataFrame([labeller.truth(s) for s in train], columns=LABELS)
    assert true.mean().between(0.03, 0.7).all(), true.mean()
    assert true["Edema"][true["Cardiomegaly"] == 1].mean() > 1.5 * true["Edema"].mean()
    assert true["Pneumonia"][true["Consolidation"] == 1].mean() > 1.5 * true["Pneumonia"].mean()
    others = true.drop(columns=["No Finding", "Support Devices"]).any(axis=1)
    assert ((true["No Finding"] == 1) == ~others).all()


def test_findings_last_and_change(train):
    pairs = [(a, b) for a, b in pairwise(train) if a.patient == b.patient]
    kept = [name in b.strengths for a, b in pairs for name in a.strengths]
    assert 0.6 < np.mean(kept) < 0.98
    assert all(a.body == b.body and a.view != b.view for a, b in pairs)


def cardiothoracic_ratio(study):
    """Width of the drawn heart over the width of the drawn thorax."""
    body = findings.bend(study.body, study.strengths, findings.placer((study.seed, study.patient)))
    view = replace(study.view, angle=0.0, shift=(0.0, 0.0), zoom=1.0)
    chest = anatomy.draw(replace(body, lift=(0.0, 0.0)), view, 256, np.random.default_rng(0))
    across = [np.ptp(np.flatnonzero(mask.any(axis=0))) for mask in (chest.heart > 0.05, chest.rim > 0)]
    return across[0] / across[1]


def test_the_heart_is_as_big_as_its_label(train):
    big = [s for s in train if "Cardiomegaly" in s.strengths][:25]
    small = [s for s in train if "Cardiomegaly" not in s.strengths][:25]
    assert min(cardiothoracic_ratio(s) for s in big) > 0.5
    assert max(cardiothoracic_ratio(s) for s in small) < 0.5


def corner(picture, which):
    """Mean grey of the costophrenic angle on side `which` of the picture, -1 left, 1 right."""
    x, y = grid(len(picture), View())
    rim, floor = pleura(Body(), View(), x, y)
    return picture[(x * which > 0) & (rim > 0.03) & (rim < 0.2) & (floor > 0.02) & (floor < 0.15)].mean()


@pytest.mark.parametrize("seed", range(1, 9))
def test_effusion_whitens_the_angle_it_lies_in(seed):
    place = findings.placer((seed, 5))("Pleural Effusion")
    which = side(place)
    healthy, wet = film({}, seed), film({"Pleural Effusion": 0.7}, seed)
    assert corner(wet, which) > corner(healthy, which) + 40
    assert np.abs(wet - healthy)[:30].mean() < 2  # the apices stay as they are


@pytest.mark.parametrize("name", [n for n in LABELS if n != "No Finding"])
def test_every_finding_shows_and_more_when_stronger(name):
    def change(strength):
        return np.mean([np.abs(film({name: strength}, s) - film({}, s)).mean() for s in (1, 2, 3)])

    assert 0.05 < change(0.1) < change(0.9)


def test_free_air_is_black_and_fluid_white():
    healthy = film({})
    assert (film({"Pneumothorax": 0.9}) - healthy).min() < -20
    assert (film({"Consolidation": 0.9}) - healthy).max() > 50


def test_contact_sheet_shows_every_label(written, tmp_path):
    folder, studies = written
    picked = phantom.examples(cohort.sample(seed=7, first=1, patients=300))
    assert len(picked) == 28 and [title for _, title in picked[:14]] == LABELS
    for study, title in picked[:14]:
        assert labeller.truth(study)[LABELS.index(title)] == 1
    phantom.draw(folder / "train", studies, tmp_path / "sheet.png")
    assert 20_000 < (tmp_path / "sheet.png").stat().st_size < 400_000


def test_main_writes_what_params_ask(tmp_path, monkeypatch):
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
