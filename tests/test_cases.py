"""`cases` and `predictions`: which films of test are worth a look."""

import numpy as np
import pytest
from PIL import Image

from distill import cases, predictions, prepared
from distill.errors import BadInput


@pytest.mark.parametrize("seed", range(30))
def test_the_cases_are_those_of_a_slow_search(seed):
    rng = np.random.default_rng(seed)
    labels, student, teacher = rng.choice([0, 1, np.nan], (9, 3)), rng.random((9, 3)), rng.random((9, 3))
    found = cases.chosen(labels, student, teacher)
    scores = {
        "best": lambda n, k: student[n, k] if labels[n, k] == 1 else np.nan,
        "worst": lambda n, k: abs(labels[n, k] - student[n, k]),
        "disagreeing": lambda n, k: abs(teacher[n, k] - student[n, k]) + 0 * labels[n, k],
    }
    for kind, of in scores.items():
        expected, most = [], 1
        while len(expected) < cases.EACH and most <= cases.EACH:
            left = [(of(n, k), n, k) for n in range(9) for k in range(3) if of(n, k) >= 0]
            left = [each for each in left if allowed(expected, *each[1:], most)]
            if left:
                expected.append(max(left)[1:])
            else:
                most += 1
        assert found[kind] == sorted(expected, key=lambda case, of=of: -of(*case))


def allowed(cases, image, label, most):
    return image not in [n for n, _ in cases] and [k for _, k in cases].count(label) < most


def test_a_label_that_alone_has_cases_has_all_of_them():
    labels, student = np.zeros((9, 4)), np.random.default_rng(0).random((9, 4))
    labels[:5, 0] = 1
    expected = [(int(row), 0) for row in np.argsort(-student[:5, 0])[: cases.EACH]]
    assert cases.chosen(labels, student, student)["best"] == expected


def test_where_nothing_is_known_there_is_no_case(tmp_path):
    nothing = np.full((3, 2), np.nan)
    found = cases.chosen(nothing, np.ones((3, 2)), np.zeros((3, 2)))
    assert found == {"best": [], "worst": [], "disagreeing": []}
    cases.draw(tmp_path / "none.png", [], films=np.zeros((3, 8, 8)), titles=[], names=[], maps={}, title="none")
    assert Image.open(tmp_path / "none.png").width > 50


@pytest.fixture
def test_split(halves):
    return prepared.read(halves, "test")


def test_predictions_come_back_and_only_for_their_images(test_split, halves, tmp_path):
    said = np.random.default_rng(0).random((4, 2))
    predictions.write(tmp_path / "student.csv", test_split, said)
    np.testing.assert_allclose(predictions.read(tmp_path / "student.csv", test_split), said, atol=1e-6)
    test_split.image_id[:] = ["a\rb", "c,d", 'e"f', "g\nh"]
    predictions.write(tmp_path / "odd.csv", test_split, said)
    np.testing.assert_allclose(predictions.read(tmp_path / "odd.csv", test_split), said, atol=1e-6)
    with pytest.raises(BadInput, match="of other images"):
        predictions.read(tmp_path / "student.csv", prepared.read(halves, "dev"))
    for content in ("", "image,left,top\n", "x"):
        (tmp_path / "student.csv").write_text(content)
        with pytest.raises(BadInput, match=r"student\.csv"):
            predictions.read(tmp_path / "student.csv", test_split)
