"""Taking in many images: what many processes give is what one gives, and nothing is lost or moved by a broken one."""

from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from distill import images, intake

XRAYS = Path(__file__).parents[2] / "shared" / "data" / "chest_xray" / "train" / "NORMAL"


def take_in(pictures, out, **settings):
    """The pixels (N, size, size) and what was seen."""
    with out.open("wb") as file:
        seen = intake.take_in(iter(pictures), count=len(pictures), out=file, **settings)
    return np.fromfile(out, np.uint8).reshape(-1, settings["size"], settings["size"]), seen


@pytest.fixture
def pictures(tmp_path):
    """Thirty files of several shapes, two that cannot be read, and two arrays."""
    rng = np.random.default_rng(0)
    files = []
    for n in range(30):
        Image.fromarray(rng.integers(0, 256, (20 + n, 30), np.uint8)).save(tmp_path / f"{n}.png")
        files.append(images.File(tmp_path / f"{n}.png", inside=tmp_path.resolve()))
    (tmp_path / "text.png").write_text("not an image")
    broken = [images.File(tmp_path / name, inside=tmp_path.resolve()) for name in ("absent.png", "text.png")]
    arrays = [rng.integers(0, 256, (16, 16), np.uint8), rng.integers(0, 256, (40, 40, 3), np.uint8)]
    return [*files[:4], broken[0], *files[4:], broken[1], *arrays]


def test_any_number_of_processes_gives_the_same(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "AHEAD", 2)
    monkeypatch.setattr(intake, "CHUNK", 3)  # many chunks, the last one not full
    one, seen = take_in(pictures, tmp_path / "one", size=16, keep_aspect=True, processes=1)
    two, again = take_in(pictures, tmp_path / "two", size=16, keep_aspect=True, processes=2)
    assert np.array_equal(one, two)
    assert seen.reasons == again.reasons and seen.digests == again.digests and np.array_equal(seen.prints, again.prints)


def test_every_picture_stands_at_its_place_and_a_broken_one_is_zeros(pictures, tmp_path):
    pixels, seen = take_in(pictures, tmp_path / "out", size=16, keep_aspect=True)
    assert [row for row, reason in enumerate(seen.reasons) if reason] == [4, 31]
    assert "absent.png: found No such file" in seen.reasons[4] and "text.png" in seen.reasons[31]
    assert not pixels[[4, 31]].any()
    for row in (0, 3, 5, 30):
        assert np.array_equal(pixels[row], images.square(images.grey(pictures[row].path), size=16, keep_aspect=True))
    assert np.array_equal(pixels[32], pictures[32])  # an array of the right size is left as it is
    assert len(set(seen.digests)) == 33 and seen.prints.shape == (34, 4)


def test_nothing_is_nothing(tmp_path):
    pixels, seen = take_in([], tmp_path / "out", size=8, keep_aspect=False)
    assert pixels.shape == (0, 8, 8) and seen.reasons == [] and seen.prints.shape == (0, 4)


def test_a_fingerprint_is_of_the_film_and_not_of_its_padding(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(2):
        soft = Image.fromarray(rng.normal(128, 50, (12, 12)).astype(np.float32)).resize((300, 60), 3)
        Image.fromarray(np.asarray(soft).clip(1, 255).astype(np.uint8)).save(tmp_path / f"{n}.png")
    files = [images.File(tmp_path / f"{n}.png", inside=tmp_path.resolve()) for n in range(2)]
    _, kept = take_in(files, tmp_path / "out", size=64, keep_aspect=True)
    _, stretched = take_in(files, tmp_path / "out", size=64, keep_aspect=False)
    assert np.array_equal(kept.prints, stretched.prints) and kept.digests != stretched.digests


@pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real X-rays at {XRAYS}")
def test_real_xrays_shrink_to_their_block_means_and_hash_as_imagehash_does(tmp_path):
    files = [images.File(path, inside=XRAYS.resolve()) for path in sorted(XRAYS.glob("*.jpeg"))[:16]]
    pixels, seen = take_in(files, tmp_path / "out", size=56, keep_aspect=False)
    assert seen.reasons == [None] * 16
    for file, got, mark in zip(files, pixels, seen.prints, strict=True):
        with Image.open(file.path) as image:
            full = np.asarray(image.convert("L"), float)
        means = full.reshape(56, 4, 56, 4).mean(axis=(1, 3))
        assert np.abs(got - means).mean() < 4
        assert abs(got.mean() - full.mean()) < 1
        expected = imagehash.phash(Image.fromarray(got), hash_size=16).hash.ravel()
        assert np.array_equal(np.unpackbits(mark.view(np.uint8)).astype(bool), expected)
