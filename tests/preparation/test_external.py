"""Films of other hospitals: copies of what the networks have seen are left out, with their patients."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.preparation import duplicates, external
from rayling.preparation.namesakes import namesakes
from tests.pipeline.prepare_study import xray

REAL = Path(__file__).parents[3] / "shared" / "data"
SEEN = ["train/1.png", "dev/2.png"]


def saved_again(pixels):
    """The film as a JPEG of half the size."""
    content = io.BytesIO()
    Image.fromarray(pixels).resize((32, 32)).save(content, "JPEG", quality=60)
    return np.asarray(Image.open(content).resize((64, 64)))


@pytest.fixture
def seen():
    return np.array(SEEN), np.stack([duplicates.fingerprint(xray(number)) for number in (1, 2)])


def films(*rows):
    """A table of films with `row` and `digest`, and their fingerprints: each row is (patient, source, pixels)."""
    table = pd.DataFrame([row[:2] for row in rows], columns=["patient", "number"])
    table["image"] = [f"a/{row}.png" for row in range(len(rows))]
    pixels = [row[2] for row in rows]
    table = table.assign(row=range(len(rows)), digest=[duplicates.digest(each) for each in pixels], left_out="")
    return table, np.stack([duplicates.fingerprint(each) for each in pixels])


def test_copies_of_films_that_were_seen_are_left_out_with_their_patients(seen):
    table, fingerprints = films(
        ("p", 0, xray(2)), ("p", 0, xray(11)), ("q", 0, xray(12)), ("r", 1, saved_again(xray(1))), ("s", 1, xray(13))
    )
    found = external.leave_out_seen(table, fingerprints, seen)
    assert found["left_out"].tolist() == [external.SEEN, external.PATIENT, "", external.SEEN, ""]
    assert found["resembles"].tolist() == [SEEN[1], "", "", SEEN[0], ""]


def test_a_second_copy_is_left_out_in_its_own_source_alone_and_reasons_of_the_reader_stay(seen):
    table, fingerprints = films(*((name, name > "b", xray(20)) for name in "abc"), ("d", 0, xray(2)))
    table.loc[3, ["left_out", "row"]] = "lateral view", np.nan  # was never decoded
    found = external.leave_out_seen(table, fingerprints, seen)
    assert found["left_out"].tolist() == ["", "copy", "", "lateral view"]
    assert found["resembles"].tolist() == [""] * 4


def test_namesakes_are_left_out_where_names_tell_films(seen):
    """Ten films in train, seven of them in the source: cropped, under the same names or under the next one's."""
    wholes = [xray(number) for number in range(30, 40)]
    crops = [np.asarray(Image.fromarray(pixels).crop((6, 6, 60, 60)).resize((64, 64))) for pixels in wholes[:7]]
    table, fingerprints = films(*((f"p{n // 2}", 0, pixels) for n, pixels in enumerate([*crops, xray(90), xray(91)])))
    table["image"] = [f"films/{name}.png" for name in "abcdefgxy"]
    of_wholes = np.stack([duplicates.fingerprint(pixels) for pixels in wholes])
    assert (duplicates.first_alike(fingerprints, of_wholes) < 0).all()
    names = np.array([f"train/{name}.jpeg" for name in "ABCDEFGHIJ"])
    found = external.leave_out_seen(table.copy(), fingerprints, (names, of_wholes))
    assert found["left_out"].tolist() == [external.NAMESAKE] * 7 + [external.PATIENT, ""]
    assert found["resembles"].tolist() == [*names[:7], "", ""]
    for others in (np.roll(names, 1), np.array(["a/1.png"] * 10), names[:4]):  # by chance, several, too few
        kept = external.leave_out_seen(table.copy(), fingerprints, (others, of_wholes[: len(others)]))
        assert (kept["left_out"] == "").all()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data at {REAL}")
def test_films_of_hannover_that_another_data_set_has_cropped_are_found_by_their_names():
    places = [REAL / "hannover/images", REAL / "covid-chestxray-dataset/images"]
    images = [sorted(path.name for path in place.iterdir()) for place in places]
    prints = [
        np.stack([duplicates.fingerprint(np.asarray(Image.open(place / name).convert("L"))) for name in names])
        for place, names in zip(places, images, strict=True)
    ]
    shared = set(images[0]) & set(images[1])
    found = namesakes(images[0], prints[0], images[1], prints[1])
    assert {images[0][row] for row in np.flatnonzero(found >= 0)} == shared and len(shared) == 43
    assert (duplicates.first_alike(prints[0], prints[1]) >= 0).sum() < 10
    numbered = [f"{n}.jpeg" for n in range(len(images[0]))]
    assert (namesakes(numbered, prints[0], [f"{n}.png" for n in range(len(images[1]))], prints[1]) < 0).all()


def test_without_films_that_were_seen_nothing_is_left_out():
    table, fingerprints = films(("a", 0, xray(1)))
    found = external.leave_out_seen(table, fingerprints, (np.zeros(0, str), np.zeros((0, 4), np.uint64)))
    assert found["left_out"].tolist() == [""]


def test_the_first_near_duplicate_is_that_of_a_slow_search(monkeypatch):
    monkeypatch.setattr(duplicates, "TILE", (8, 16))  # many tiles, the last ones not full
    rng = np.random.default_rng(0)
    ours, others = (rng.integers(0, 2**63, (count, 4), dtype=np.uint64) for count in (37, 61))
    for row, (other, flips) in {3: (40, 24), 9: (5, 25), 20: (60, 0), 36: (17, 3)}.items():
        ours[row] = others[other] ^ np.packbits(rng.permutation(np.arange(256) < flips)).view(np.uint64)
    others[50] = others[40]
    bits = np.array([[sum(int(a ^ b).bit_count() for a, b in zip(x, y, strict=True)) for y in others] for x in ours])
    expected = [int(row.argmax()) if row.any() else -1 for row in bits <= 24]
    assert duplicates.first_alike(ours, others).tolist() == expected and sorted(expected)[-3:] == [17, 40, 60]


def test_fingerprints_of_train_and_dev_are_written_for_others_to_read(tmp_path, seen):
    kept = pd.DataFrame({"image": [*SEEN, "test/3.png"], "split": ["train", "dev", "test"], "row": [1, 0, 2]})
    path, rows = tmp_path / "fingerprints.csv", np.vstack([seen[1], seen[1][:1]])
    duplicates.write_fingerprints(path, kept, rows)
    images, fingerprints = duplicates.read_fingerprints(path)
    assert images.tolist() == SEEN and np.array_equal(fingerprints, seen[1][::-1])
    path.write_text(path.read_text()[:-3] + "xx\n")
    with pytest.raises(BadInput, match=r"fingerprints\.csv, row 3: fingerprint is .*, expected 64 digits"):
        duplicates.read_fingerprints(path)
