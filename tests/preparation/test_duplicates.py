"""Copies and near-duplicates: found as a slow search finds them, dropped or grouped, apart from other X-rays."""

import io
from itertools import combinations
from pathlib import Path

import networkx
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.preparation import duplicates

XRAYS = Path(__file__).parents[3] / "shared" / "data"
LABELS = ["Edema", "Fracture"]


def bits_apart(first, second):
    return sum(bin(int(one) ^ int(other)).count("1") for one, other in zip(first, second, strict=True))


def test_pairs_are_those_of_a_slow_search(monkeypatch):
    monkeypatch.setattr(duplicates, "TILE", (8, 16))  # many tiles, the last ones not full
    rng = np.random.default_rng(0)
    fingerprints = rng.integers(0, 2**63, (61, 4), dtype=np.uint64)
    for row, flips in [(9, 3), (25, 24), (40, 25), (58, 0)]:
        mask = np.packbits(rng.permutation(np.arange(256) < flips)).view(np.uint64)
        fingerprints[row] = fingerprints[row - 8] ^ mask
    slow = [(a, b, bits_apart(fingerprints[a], fingerprints[b])) for a, b in combinations(range(61), 2)]
    expected = [pair for pair in slow if pair[2] <= 24]
    assert len(expected) == 3
    assert duplicates.near_pairs(fingerprints).tolist() == [list(pair) for pair in expected]


def test_no_image_and_one_image_have_no_pairs():
    for count in (0, 1):
        assert duplicates.near_pairs(np.zeros((count, 4), np.uint64)).shape == (0, 3)


def rows(*columns, split=None):
    """A table of (digest, patient, Edema, Fracture), one image each."""
    table = pd.DataFrame(columns, columns=["digest", "patient", *LABELS])
    table[LABELS] = table[LABELS].astype(np.float32)
    image = [f"{n}.png" for n in range(len(table))]
    return table.assign(image=image, source="a", split=split or "", left_out="", unlabelled=False)


def find(table, fingerprints=None):
    """With all images far from one another unless `fingerprints` are given."""
    rng = np.random.default_rng(0)
    fingerprints = rng.integers(0, 2**63, (len(table), 4), dtype=np.uint64) if fingerprints is None else fingerprints
    return duplicates.find(table, fingerprints, labels=LABELS)


def test_the_first_copy_is_kept_with_what_another_knows():
    nan = np.nan
    table = rows(("x", "1", 1, nan), ("y", "2", 0, 0), ("x", "3", 1, 0), ("x", "1", nan, nan)).set_index(
        pd.Index([10, 20, 30, 40])  # rows were left out before
    )
    first, pairs = find(table)
    assert first.index.tolist() == [10, 20]
    np.testing.assert_array_equal(first[LABELS], [[1, 0], [0, 0]])
    assert pairs[["image", "other", "kind", "bits", "patients", "disagree"]].values.tolist() == [
        ["2.png", "0.png", "copy", 0, "two", ""],
        ["3.png", "0.png", "copy", 0, "same", ""],
    ]


def test_a_label_about_which_copies_disagree_becomes_unknown_and_is_named():
    first, pairs = find(rows(("x", "1", 1, 0), ("x", "1", 0, 0), ("y", "2", 1, 1)))
    np.testing.assert_array_equal(first[LABELS], [[np.nan, 0], [1, 1]])
    assert pairs["disagree"].tolist() == ["Edema"]


def test_the_copy_in_the_official_test_set_is_kept():
    first, pairs = find(rows(("x", "1", 1, 0), ("x", "2", 1, 0), ("x", "3", 1, 0), split=["train", "test", "dev"]))
    assert first["image"].tolist() == ["1.png"] and pairs["other"].tolist() == ["1.png", "1.png"]


def test_a_copy_outside_does_not_change_an_official_test_image():
    first, pairs = find(rows(("x", "1", 1, np.nan), ("x", "2", 0, 1), split=["test", ""]))
    np.testing.assert_array_equal(first[LABELS], [[1, np.nan]])
    assert pairs["disagree"].tolist() == ["Edema"]


def test_of_copies_a_labelled_one_is_kept_whatever_the_order_and_the_splits():
    nan = np.nan
    table = rows(("x", "1", nan, nan), ("x", "2", 1, 0), ("y", "3", nan, nan), ("y", "4", nan, nan), ("z", "5", 0, 1))
    table = table.assign(unlabelled=[True, False, True, True, False], split=["train", "", "train", "train", ""])
    kept, pairs = find(table)
    assert kept["image"].tolist() == ["1.png", "2.png", "4.png"]  # of two without labels the first
    np.testing.assert_array_equal(kept[LABELS], [[1, 0], [nan, nan], [0, 1]])
    assert pairs[["image", "other"]].to_numpy().tolist() == [["0.png", "1.png"], ["3.png", "2.png"]]


def test_more_pairs_than_memory_can_hold_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 100)
    assert len(duplicates.near_pairs(np.zeros((14, 4), np.uint64))) == 91
    with pytest.raises(BadInput, match="more than 100 pairs"):
        duplicates.near_pairs(np.zeros((15, 4), np.uint64))


def test_near_duplicates_are_kept_and_their_distance_is_listed():
    table = rows(("x", "1", 1, 0), ("y", "2", 1, 1), ("z", "1", 1, 0), ("x", "2", 1, 0))
    far = np.array([2**60 - 1] * 4, np.uint64)
    fingerprints = np.stack([np.zeros(4, np.uint64), np.array([0, 7, 0, 0], np.uint64), far, np.zeros(4, np.uint64)])
    first, pairs = find(table, fingerprints)
    assert len(first) == 3
    assert pairs[["image", "other", "kind", "bits", "patients", "disagree"]].values.tolist() == [
        ["3.png", "0.png", "copy", 0, "two", ""],
        ["0.png", "1.png", "near", 3, "two", "Fracture"],
    ]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_connected_components_of_patients(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"patient": rng.choice([f"p{n}" for n in range(25)], 40)})
    table["image"] = [f"{n}.png" for n in range(40)]
    ends = rng.integers(0, 40, (9, 2))
    pairs = pd.DataFrame(
        {"image": table["image"].to_numpy()[ends[:, 0]], "other": table["image"].to_numpy()[ends[:, 1]]}
    )
    graph = networkx.Graph()
    graph.add_edges_from((image, ("patient", name)) for image, name in table[["image", "patient"]].to_numpy())
    graph.add_edges_from(pairs[["image", "other"]].to_numpy())
    group = duplicates.patient_groups(table, pairs).set_axis(table["image"])
    parts = {frozenset(node for node in part if node in group.index) for part in networkx.connected_components(graph)}
    assert {frozenset(part.index) for _, part in group.groupby(group)} == parts
    shuffled = table.sample(frac=1, random_state=seed)
    assert duplicates.patient_groups(shuffled, pairs).sort_index().equals(duplicates.patient_groups(table, pairs))


@pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real X-rays at {XRAYS}")
def test_an_image_saved_again_is_near_itself_and_other_patients_are_far():
    files = sorted((XRAYS / "chest_xray" / "train" / "NORMAL").glob("*.jpeg"))[:150]
    images = [Image.open(file).convert("L") for file in files]

    def fingerprint(image):
        return duplicates.fingerprint(np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR)))

    def again(image):
        saved = io.BytesIO()
        image.resize((150, 150)).save(saved, "JPEG", quality=50)
        return Image.fromarray((255 * (np.asarray(Image.open(saved)) / 255) ** 0.8).astype(np.uint8))

    fingerprints = np.stack([fingerprint(image) for image in images])
    copies = np.stack([fingerprint(again(image)) for image in images])
    assert max(bits_apart(*pair) for pair in zip(fingerprints, copies, strict=True)) <= duplicates.MAX_DISTANCE
    patients = [file.name.rsplit("-", 1)[0] for file in files]
    others = [
        bits_apart(fingerprints[a], fingerprints[b])
        for a, b in combinations(range(150), 2)
        if patients[a] != patients[b]
    ]
    assert min(others) > duplicates.MAX_DISTANCE
