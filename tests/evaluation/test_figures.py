"""Each picture is a small PNG with deterministic bytes, also for labels that are unknown or have one class."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.plotting import contact_sheet
from rayling.evaluation import figures
from rayling.reporting.training_curves import training_curves

LABELS = 14


@pytest.fixture
def split():
    """Fourteen labels with unknown entries, one of them without a positive, one never known."""
    rng = np.random.Generator(np.random.Philox(7))
    labels = (rng.random((200, LABELS)) < 0.3).astype(np.float32)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    labels[:, 5], labels[:, 6] = 0, np.nan
    names = [f"finding number {k}" for k in range(LABELS)]
    return {"names": names, "labels": labels, "probabilities": rng.random(labels.shape), "title": "student"}


def history(epochs, *terms):
    falling = np.linspace(1, 0.2, epochs)
    columns = dict.fromkeys(("loss", *terms, "dev_loss"), falling)
    return pd.DataFrame({"epoch": np.arange(epochs), **columns, "dev_auroc": 1 - falling / 2})


HISTORIES = {
    "teacher": history(3, "hard"),
    "assistant": history(4, "hard", "soft", "feature"),
    "student": history(5, "hard", "soft", "feature"),
}
SHEET = {
    "images": np.arange(5 * 32 * 32, dtype=np.uint8).reshape(5, 32, 32),
    "titles": ["normal", "edema\nmass", "", "a", "b"],
    "columns": 3,
    "title": "five images in two rows of three",
}


def check(tmp_path, draw, **data):
    """Draw twice, check that the bytes are equal, few and without metadata, and return the picture."""
    first, second = tmp_path / "first.png", tmp_path / "plots" / "second.png"
    draw(first, **data)
    draw(second, **data)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 150_000
    picture = Image.open(BytesIO(first.read_bytes()))
    assert picture.format == "PNG" and "Software" not in picture.info
    return picture


@pytest.mark.parametrize("draw", [figures.roc, figures.precision_recall])
def test_curves_are_deterministic(tmp_path, split, draw):
    check(tmp_path, draw, **split)


def test_reliability_is_deterministic_and_shows_the_uncalibrated(tmp_path, split):
    pictures = [
        np.asarray(check(tmp_path, figures.calibration, **split, uncalibrated=before))
        for before in (split["probabilities"], split["probabilities"] ** 3)
    ]
    assert (pictures[0] != pictures[1]).any()


def test_cooccurrence_is_deterministic(tmp_path, split):
    split["decided"] = split.pop("probabilities") > 0.5
    check(tmp_path, figures.cooccurrence, **split)


def test_confusion_is_deterministic_and_shows_the_answers(tmp_path):
    names, labels = ["Normal", "Bacterial", "Viral", "never in test"], np.eye(4)[[0, 0, 0, 1, 1, 2]]
    answers = np.eye(4)[[0, 0, 1, 1, 3, 2]] == 1
    of_test = {"names": names, "labels": labels, "title": "student"}
    pictures = [
        np.asarray(check(tmp_path, figures.confusion, **of_test, decided=decided)) for decided in (answers, labels == 1)
    ]
    assert (pictures[0] != pictures[1]).any()


def test_contact_sheet_is_deterministic_and_grey(tmp_path):
    pixels = np.asarray(check(tmp_path, contact_sheet, **SHEET).convert("RGB"))
    assert (pixels == pixels[:, :, :1]).all()


def test_training_curves_are_deterministic(tmp_path):
    check(tmp_path, training_curves, histories=HISTORIES, title="phantom")


def test_training_curves_of_one_network(tmp_path):
    training_curves(tmp_path / "a.png", histories={"student": HISTORIES["student"]}, title="learn from labels")


def test_every_label_has_its_own_line_style():
    assert len({(line["color"], line["linestyle"]) for line in figures.LINES}) == LABELS


def test_names_that_do_not_fit_are_refused(tmp_path, split):
    with pytest.raises(ValueError):
        figures.roc(tmp_path / "a.png", **split | {"names": ["only one"]})
    assert not list(tmp_path.iterdir())
