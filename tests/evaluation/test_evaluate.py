"""The stage `evaluate` on exclusive classes, for a network that looks at other pixels than the prepared ones."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, roc_auc_score

from rayling.evaluation import results
from rayling.evaluation.results import Calibration
from rayling.networks import weights
from rayling.runtime import inference
from rayling.runtime.loader import Batches
from rayling.storage import prepared
from stages import evaluate
from tests.tiny import ROOT

NAMES = ["left", "top", "dark"]
SIZES = {"student": 16, "teacher": 24}
COUNTS = {"train": 12, "dev": 90, "test": 90}


@pytest.fixture
def study(pack, tmp_path, monkeypatch):
    """Two networks with random weights, for images of one class each, which the teacher sees with more pixels."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)  # its class_mix
    rng = np.random.default_rng(2)
    true = {split: np.arange(count) % 3 for split, count in COUNTS.items()}
    images = {split: [picture(rng, k) for k in of] for split, of in true.items()}
    labels = {split: np.eye(3)[of].astype(np.float32) for split, of in true.items()}
    labels["test"][:5] = np.nan
    small, large = ({s: np.stack([each[size] for each in of]) for s, of in images.items()} for size in SIZES.values())
    Path("data/pixels").mkdir(parents=True)
    sexes = {split: np.where(np.arange(count) % 4 < 2, "female", "male") for split, count in COUNTS.items()}
    pack(small, labels, names=NAMES, exclusive=True, sexes=sexes).replace("data/prepared.h5")
    prepared.create_no_pixels("data/pixels/student.h5")
    ids = {split: prepared.read("data/prepared.h5", split).image_id for split in prepared.SPLITS}
    moments = prepared.moments([large["train"]])
    prepared.create_pixels("data/pixels/teacher.h5", size=24, image_id=ids, moments=moments)
    for split, of in large.items():
        prepared.fill("data/pixels/teacher.h5", split, [of])
    for name in SIZES:
        torch.manual_seed(0)
        split = prepared.read("data/prepared.h5", "train", f"data/pixels/{name}.h5")
        header = weights.Header.of(split, network=name, head=2)
        weights.save(f"data/models/{name}.safetensors", weights.build(header), header)


def picture(rng, k):
    """An image of a class at both sizes, unlike each other, so that it matters which of them a network gets."""
    pair = {}
    for size in SIZES.values():
        grey = rng.integers(0, 120, (size, size))
        grey[:, : size // 2] += 100 * (k == 0)
        grey[: size // 2] += 100 * (k == 1)
        pair[size] = grey.astype(np.uint8)
    return pair


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_a_network_is_scored_by_the_most_probable_class_on_its_own_pixels(study, name, size):
    evaluate.main(name)
    found = json.loads(Path(f"metrics/{name}.json").read_text())
    calibration = Calibration.read(f"data/models/{name}.calibration.json", NAMES)
    test = Batches("data/prepared.h5", "test", device=torch.device("cpu"), pixels=f"data/pixels/{name}.h5")
    assert test.split.size == size
    network, _ = weights.load(f"data/models/{name}.safetensors", split=test.split)
    probabilities = calibration.probabilities(inference.logits(network, test))
    written = results.read_predictions(f"data/predictions/{name}.csv", test.split)
    np.testing.assert_allclose(written, probabilities, atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)

    truth, known = test.split.labels[5:].argmax(axis=1), probabilities[5:]
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, known.argmax(axis=1)), abs=1e-6)
    assert found["auroc"]["macro"] == pytest.approx(roc_auc_score(truth, known, multi_class="ovr"), abs=1e-6)
    assert (
        found["threshold"] == dict.fromkeys(NAMES)
        and sum(sum(row.values()) for row in found["confusion"].values()) == 85
    )
    women = np.arange(5, 90) % 4 < 2
    expected = roc_auc_score(truth[women], known[women], multi_class="ovr")
    groups = json.loads(Path(f"data/evaluation/{name}.json").read_text())["groups"]
    assert list(groups) == ["sex"] and groups["sex"]["labels"] == NAMES
    assert groups["sex"]["scores"]["female"]["auroc"] == pytest.approx(expected, abs=1e-6)
    assert found["constant"]["accuracy"] == pytest.approx((truth == 0).mean(), abs=1e-6)
    pictures = {path.name for path in Path(f"plots/evaluation/{name}").iterdir()}
    assert pictures == {"roc.png", "precision_recall.png", "calibration.png", "confusion.png", "decision_curve.png"}
