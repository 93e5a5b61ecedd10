"""The scores on files like CheXpert's, from the CSV to the number, against pandas and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from rayling.evaluation import metrics, scores
from rayling.preparation.readers.chexpert import chexpert

# As published: Irvin et al. 2019, `CheXpert-v1.0-small`.
PLACE = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA"]
LABELS = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
]


def write_csv(path, rng, *, images, cells, shares):
    """A file of CheXpert's columns whose label cells are drawn from the texts `cells`."""
    lines = [",".join(PLACE + LABELS)]
    for n in range(images):
        place = f"CheXpert-v1.0-small/{path.stem}/patient{n // 2:05}/study1/view{n % 2 + 1}_frontal.jpg"
        lines.append(",".join([place, "Female", "68", "Frontal", "AP", *rng.choice(cells, len(LABELS), p=shares)]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def data(tmp_path):
    """The labels by our reader, the same by pandas alone, and probabilities that correlate with them."""
    rng = np.random.Generator(np.random.Philox(5))
    write_csv(tmp_path / "train.csv", rng, images=160, cells=["1.0", "0.0", "-1.0", ""], shares=[0.3, 0.2, 0.1, 0.4])
    write_csv(tmp_path / "valid.csv", rng, images=80, cells=["1.0", "0.0"], shares=[0.3, 0.7])
    table = chexpert(tmp_path, labels=LABELS, uncertain={"default": "ignore"}, blank="ignore", classes={})
    files = pd.concat([pd.read_csv(tmp_path / name) for name in ("train.csv", "valid.csv")])
    noise = rng.normal(size=(len(table), len(LABELS)))
    probabilities = 1 / (1 + np.exp(-noise - (table[LABELS] == 1) + 1))
    return table, files[LABELS].where(files[LABELS] != -1), probabilities.to_numpy()


@pytest.fixture
def found(data):
    table, _, probabilities = data
    return scores.all_scores(
        names=LABELS,
        labels=table[LABELS].to_numpy(),
        probabilities=probabilities,
        uncalibrated=probabilities,
        thresholds=np.full(len(LABELS), 0.5),
        constant=np.zeros(len(LABELS), bool),
        patients=table["patient"].to_numpy(),
        groups=table["patient"].to_numpy(),
        seed=0,
        resamples=10,
    )


def expected_calibration_error(truth, score):
    """Guo et al. 2017, equation 3, bin by bin."""
    bins = [(score >= low / 10) & (score < low / 10 + 0.1 + (low == 9)) for low in range(10)]
    return sum(abs(truth[b].sum() - score[b].sum()) for b in bins) / len(truth)


def test_each_label_of_chexpert_is_scikit_learns_on_its_known_entries(data, found):
    table, cells, probabilities = data
    judged = metrics.averages(*metrics.counts(table[LABELS].to_numpy(), probabilities >= 0.5))
    for j, name in enumerate(LABELS):
        known = cells[name].notna().to_numpy()
        assert 80 < known.sum() < len(cells)  # blanks and -1 are in it
        truth, score = cells[name].to_numpy()[known], probabilities[known, j]
        expected = precision_recall_fscore_support(truth, score >= 0.5, average="binary", zero_division=0)[:3]
        assert [judged[score]["per_label"][j] for score in ("precision", "recall", "f1")] == pytest.approx(expected)
        assert found["f1"]["per_label"][name] == pytest.approx(expected[2])
        assert found["auroc"]["per_label"][name] == pytest.approx(roc_auc_score(truth, score))
        ranked = average_precision_score(truth, score)
        assert found["average_precision"]["per_label"][name] == pytest.approx(ranked)
        assert found["calibration_error"]["per_label"][name] == pytest.approx(expected_calibration_error(truth, score))


def test_each_average_on_chexpert_is_made_of_scikit_learns_numbers(data, found):
    _, cells, probabilities = data
    truth, decided, known = cells.to_numpy(), probabilities >= 0.5, cells.notna().to_numpy()

    def scores(truth, answer):
        return precision_recall_fscore_support(truth, answer, average="binary", zero_division=0)[:3]

    labels = [scores(truth[k, j], decided[k, j]) for j, k in enumerate(known.T)]
    images = [scores(truth[i, k], decided[i, k]) for i, k in enumerate(known) if k.any()]
    expected = {
        "micro": scores(truth[known], decided[known]),
        "macro": np.mean(labels, axis=0),
        "weighted": np.average(labels, axis=0, weights=(truth == 1).sum(axis=0)),
        "samples": np.mean(images, axis=0),
    }
    for average, values in expected.items():
        assert [found[score][average] for score in ("precision", "recall", "f1")] == pytest.approx(values)


def test_the_official_valid_set_where_all_is_known_is_scikit_learns_matrix(data):
    table, cells, probabilities = data
    valid = (table["split"] == "test").to_numpy()
    labels, decided = table.loc[valid, LABELS].to_numpy(), probabilities[valid] >= 0.5
    for average, values in {
        "samples": metrics.samples(labels, decided),
        "macro": {score: each["macro"] for score, each in metrics.averages(*metrics.counts(labels, decided)).items()},
    }.items():
        expected = precision_recall_fscore_support(cells[valid], decided, average=average, zero_division=0)[:3]
        assert list(values.values()) == pytest.approx(expected)
