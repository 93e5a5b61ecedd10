"""Decoding many images: any number of processes gives the same, and a broken image moves no other."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from rayling.images import reading
from rayling.preparation import decoding

XRAYS = Path(__file__).parents[3] / "shared" / "data" / "chest_xray" / "train" / "NORMAL"


def decode(images, out, **settings):
    """The pixels (N, size, size) and the other results."""
    with out.open("wb") as file:
        decoded = decoding.decode_all(iter(images), count=len(images), out=file, **settings)
    return np.fromfile(out, np.uint8).reshape(-1, settings["size"], settings["size"]), decoded


@pytest.fixture
def images(tmp_path):
    """Thirty files of several shapes, two that cannot be read, and two arrays."""
    rng = np.random.default_rng(0)
    files = []
    for n in range(30):
        Image.fromarray(rng.integers(0, 256, (20 + n, 30), np.uint8)).save(tmp_path / f"{n}.png")
        files.append(reading.File(tmp_path / f"{n}.png", inside=tmp_path.resolve()))
    (tmp_path / "text.png").write_text("not an image")
    broken = [reading.File(tmp_path / name, inside=tmp_path.resolve()) for name in ("absent.png", "text.png")]
    arrays = [rng.integers(0, 256, (16, 16), np.uint8), rng.integers(0, 256, (40, 40, 3), np.uint8)]
    return [*files[:4], broken[0], *files[4:], broken[1], *arrays]


def test_any_number_of_processes_gives_the_same(images, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "AHEAD", 2)
    monkeypatch.setattr(decoding, "CHUNK", 3)  # many chunks, the last one not full
    one, decoded = decode(images, tmp_path / "one", size=16, keep_aspect=True, processes=1)
    two, again = decode(images, tmp_path / "two", size=16, keep_aspect=True, processes=2)
    assert np.array_equal(one, two)
    assert decoded.reasons == again.reasons and decoded.digests == again.digests
    assert np.array_equal(decoded.fingerprints, again.fingerprints)


def test_every_image_is_in_its_place_and_a_broken_one_is_zeros(images, tmp_path):
    pixels, decoded = decode(images, tmp_path / "out", size=16, keep_aspect=True)
    assert [row for row, reason in enumerate(decoded.reasons) if reason] == [4, 31]
    assert "absent.png: found No such file" in decoded.reasons[4] and "text.png" in decoded.reasons[31]
    assert not pixels[[4, 31]].any()
    for row in (0, 3, 5, 30):
        assert np.array_equal(pixels[row], reading.square(reading.grey(images[row].path), size=16, keep_aspect=True))
    assert np.array_equal(pixels[32], images[32])  # an array of the right size is left as it is
    assert len(set(decoded.digests)) == 33 and decoded.fingerprints.shape == (34, 4)


def at_sizes(images, folder, *sizes, keep_aspect):
    """The pixels (N, size, size) of each size, and the other results."""
    outs = {size: (folder / str(size)).open("wb") for size in sizes}
    (first, out), *others = outs.items()
    about = {"count": len(images), "size": first, "keep_aspect": keep_aspect}
    decoded = decoding.decode_all(iter(images), **about, out=out, others=dict(others))
    for file in outs.values():
        file.close()
    return [np.fromfile(folder / str(size), np.uint8).reshape(-1, size, size) for size in sizes], decoded


@pytest.mark.parametrize("keep_aspect", [False, True])
def test_every_size_is_resized_from_the_original_and_changes_nothing_at_the_first(images, tmp_path, keep_aspect):
    pixels, decoded = at_sizes(images, tmp_path, 16, 24, 9, keep_aspect=keep_aspect)
    alone, as_before = decode(images, tmp_path / "alone", size=16, keep_aspect=keep_aspect)
    assert np.array_equal(pixels[0], alone) and decoded.digests == as_before.digests
    assert np.array_equal(decoded.fingerprints, as_before.fingerprints) and decoded.reasons == as_before.reasons
    for size, found in zip((24, 9), pixels[1:], strict=True):
        assert not found[[4, 31]].any()
        for row in (0, 3, 5, 30):
            original = reading.grey(images[row].path)
            assert np.array_equal(found[row], reading.square(original, size=size, keep_aspect=keep_aspect))


def test_an_image_is_opened_as_often_for_three_sizes_as_for_one(images, tmp_path, monkeypatch):
    opened, heard = [], True

    def hear(event, arguments):
        if heard and event == "open" and str(arguments[0]).endswith(".png"):
            opened.append(Path(arguments[0]).name)

    sys.addaudithook(hear)
    monkeypatch.setattr(decoding, "process_pool", ThreadPoolExecutor)  # in this process, where they can be heard
    at_sizes(images, tmp_path, 16, keep_aspect=True)
    once = len(opened)
    at_sizes(images, tmp_path, 16, 24, 9, keep_aspect=True)
    heard = False
    assert once >= 30 and sorted(opened[:once]) == sorted(opened[once:])


def test_no_image_gives_empty_results(tmp_path):
    pixels, decoded = decode([], tmp_path / "out", size=8, keep_aspect=False)
    assert pixels.shape == (0, 8, 8) and decoded.reasons == [] and decoded.fingerprints.shape == (0, 4)


def test_a_fingerprint_ignores_padding(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(2):
        soft = Image.fromarray(rng.normal(128, 50, (12, 12)).astype(np.float32)).resize((300, 60), 3)
        Image.fromarray(np.asarray(soft).clip(1, 255).astype(np.uint8)).save(tmp_path / f"{n}.png")
    files = [reading.File(tmp_path / f"{n}.png", inside=tmp_path.resolve()) for n in range(2)]
    _, kept = decode(files, tmp_path / "out", size=64, keep_aspect=True)
    _, stretched = decode(files, tmp_path / "out", size=64, keep_aspect=False)
    assert np.array_equal(kept.fingerprints, stretched.fingerprints) and kept.digests != stretched.digests


@pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real X-rays at {XRAYS}")
def test_real_xrays_shrink_to_their_block_means_and_hash_as_imagehash_does(tmp_path):
    files = [reading.File(path, inside=XRAYS.resolve()) for path in sorted(XRAYS.glob("*.jpeg"))[:16]]
    pixels, decoded = decode(files, tmp_path / "out", size=56, keep_aspect=False)
    assert decoded.reasons == [None] * 16
    for file, got, fingerprint in zip(files, pixels, decoded.fingerprints, strict=True):
        with Image.open(file.path) as image:
            full = np.asarray(image.convert("L"), float)
        means = full.reshape(56, 4, 56, 4).mean(axis=(1, 3))
        assert np.abs(got - means).mean() < 4
        assert abs(got.mean() - full.mean()) < 1
        expected = imagehash.phash(Image.fromarray(got), hash_size=16).hash.ravel()
        assert np.array_equal(np.unpackbits(fingerprint.view(np.uint8)).astype(bool), expected)
