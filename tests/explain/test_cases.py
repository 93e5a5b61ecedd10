"""`cases`: which test images are chosen and drawn."""

import numpy as np
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.evaluation import results
from rayling.explain import cases
from rayling.storage import prepared


@pytest.mark.parametrize("seed", range(30))
def test_the_cases_are_those_of_a_slow_search(seed):
    rng = np.random.default_rng(seed)
    labels, student, teacher = rng.choice([0, 1, np.nan], (9, 3)), rng.random((9, 3)), rng.random((9, 3))
    chosen = cases.choose(labels, student, teacher)
    scores = {
        "best": lambda n, k: student[n, k] if labels[n, k] == 1 else np.nan,
        "worst": lambda n, k: abs(labels[n, k] - student[n, k]),
        "disagreeing": lambda n, k: abs(teacher[n, k] - student[n, k]) + 0 * labels[n, k],
    }
    for kind, score in scores.items():
        expected, per_label = [], 1
        while len(expected) < cases.CASES_PER_KIND and per_label <= cases.CASES_PER_KIND:
            left = [(score(n, k), n, k) for n in range(9) for k in range(3) if score(n, k) >= 0]
            left = [each for each in left if allowed(expected, *each[1:], per_label)]
            if left:
                expected.append(max(left)[1:])
            else:
                per_label += 1
        assert chosen[kind] == sorted(expected, key=lambda case, score=score: -score(*case))


def allowed(cases, image, label, per_label):
    return image not in [n for n, _ in cases] and [k for _, k in cases].count(label) < per_label


def test_if_only_one_label_has_cases_all_are_of_it():
    labels, student = np.zeros((9, 4)), np.random.default_rng(0).random((9, 4))
    labels[:5, 0] = 1
    expected = [(int(row), 0) for row in np.argsort(-student[:5, 0])[: cases.CASES_PER_KIND]]
    assert cases.choose(labels, student, student)["best"] == expected


def test_without_known_labels_there_is_no_case(tmp_path):
    unknown = np.full((3, 2), np.nan)
    chosen = cases.choose(unknown, np.ones((3, 2)), np.zeros((3, 2)))
    assert chosen == {"best": [], "worst": [], "disagreeing": []}
    cases.draw(tmp_path / "none.png", [], images=np.zeros((3, 8, 8)), titles=[], names=[], networks={}, title="none")
    assert Image.open(tmp_path / "none.png").width > 50


def test_a_network_that_looks_at_another_size_colours_the_same_image(tmp_path):
    images = np.stack([np.full((8, 8), grey, np.uint8) for grey in (40, 90, 140)])
    left = np.zeros((2, 24, 24))
    left[:, :, :12] = 1.0
    networks = {"other": lambda row: (np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])[row], left)}
    about = {"images": images, "titles": ["a"], "names": ["b"], "title": "one"}
    cases.draw(tmp_path / "with.png", [(2, 1)], networks=networks, **about)
    with Image.open(tmp_path / "with.png") as picture:
        colours = np.asarray(picture.convert("RGB")).astype(int)
    orange = np.argwhere(colours[:, :, 0] - colours[:, :, 2] > 100)  # 65 % of it over grey 140
    plain = np.argwhere((colours == 140).all(2) & (np.arange(colours.shape[1]) > orange[:, 1].min()))
    assert len(orange) > 1000 and len(plain) > 1000
    assert orange[:, 1].max() < np.quantile(plain[:, 1], 0.2)  # the half that the map names, of the image of the case


@pytest.fixture
def test_split(halves):
    return prepared.read(halves, "test")


def test_predictions_are_read_as_they_were_written_and_only_for_their_images(test_split, halves, tmp_path):
    probabilities = np.random.default_rng(0).random((4, 2))
    results.write_predictions(tmp_path / "student.csv", test_split, probabilities)
    read = results.read_predictions(tmp_path / "student.csv", test_split)
    np.testing.assert_allclose(read, probabilities, atol=1e-6)
    test_split.image_id[:] = ["a\rb", "c,d", 'e"f', "g\nh"]
    results.write_predictions(tmp_path / "odd.csv", test_split, probabilities)
    np.testing.assert_allclose(results.read_predictions(tmp_path / "odd.csv", test_split), probabilities, atol=1e-6)
    with pytest.raises(BadInput, match="of other images"):
        results.read_predictions(tmp_path / "student.csv", prepared.read(halves, "dev"))
    for content in ("", "image,left,top\n", "x"):
        (tmp_path / "student.csv").write_text(content)
        with pytest.raises(BadInput, match=r"student\.csv"):
            results.read_predictions(tmp_path / "student.csv", test_split)
