"""Images: what a file becomes, what is refused, and that many processes give what one gives."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill import images
from distill.errors import BadInput

XRAYS = Path(__file__).parents[2] / "shared" / "data" / "chest_xray" / "train" / "NORMAL"


def noise(shape, *, high=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


def save(tmp_path, name, pixels, mode=None, **options):
    path = tmp_path / name
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def png_header(path, *, width, height):
    """A PNG that promises width × height pixels and holds none."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", b"")]
    packed = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def test_an_image_of_the_right_size_is_left_as_it_is(tmp_path):
    pixels = noise((32, 32))
    path = save(tmp_path, "grey.png", pixels)
    for keep_aspect in (True, False):
        assert np.array_equal(images.load(path, size=32, keep_aspect=keep_aspect), pixels)


def test_16_bits_are_scaled_and_not_clipped(tmp_path):
    pixels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    got = images.load(save(tmp_path, "deep.png", pixels), size=32, keep_aspect=False)
    assert np.abs(got - pixels / 257).max() <= 0.5
    assert (got.min(), got.max()) == (0, 255)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.png", "RGBA"),
        ("a.png", "LA"),
        ("a.png", "P"),
        ("a.png", "1"),
        ("a.png", "RGB"),
        ("a.jpeg", "CMYK"),
    ],
)
def test_every_mode_equals_its_conversion(tmp_path, name, mode):
    path = save(tmp_path, name, noise((24, 24, 3)), mode)
    with Image.open(path) as image:
        assert image.mode == mode
        expected = np.asarray(image.convert("L"))
    assert expected.std() > 10
    assert np.array_equal(images.load(path, size=24, keep_aspect=False), expected)


def test_shrinking_does_not_alias(tmp_path):
    stripes = np.tile(np.uint8([0, 255]), (128, 64))  # without antialiasing all black or all white
    got = images.load(save(tmp_path, "stripes.png", stripes), size=16, keep_aspect=False)
    assert np.abs(got[:, 1:-1].astype(int) - 127).max() <= 8


def test_the_shorter_side_is_padded_with_black(tmp_path):
    path = save(tmp_path, "wide.png", np.full((20, 40), 200, np.uint8))
    kept = images.load(path, size=40, keep_aspect=True)
    assert (kept[10:30] == 200).all()
    assert (kept[:10] == 0).all() and (kept[30:] == 0).all()
    assert (images.load(path, size=40, keep_aspect=False) == 200).all()


def broken(tmp_path):
    """Every file that must be refused, and a word of its reason."""
    whole = save(tmp_path, "whole.jpeg", noise((64, 64)))
    (tmp_path / "half.jpeg").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole = save(tmp_path, "whole.png", noise((64, 64)))
    (tmp_path / "half.png").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    save(tmp_path, "other.gif", noise((8, 8))).rename(tmp_path / "gif.png")
    png_header(tmp_path / "bomb.png", width=10_001, height=10_000)
    png_header(tmp_path / "huge.png", width=60_000, height=60_000)
    return {
        "half.jpeg": "truncated",
        "half.png": "",
        "empty.png": "another format, or nothing",
        "text.png": "another format, or nothing",
        "gif.png": "another format, or nothing",
        "bomb.png": "10001×10000 pixels",
        "huge.png": "3600000000 pixels",
        "absent.png": "No such file",
        "a\0b.png": "null byte",
    }


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_broken_files_are_refused_with_a_line_that_names_them(tmp_path):
    for name, word in broken(tmp_path).items():
        with pytest.raises(BadInput) as caught:
            images.load(tmp_path / name, size=16, keep_aspect=True)
        line = str(caught.value)
        assert line.startswith(f"{tmp_path / name}: found ") and "; expected a whole PNG or JPEG" in line
        assert word in line and "\n" not in line


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = png_header(tmp_path / "bomb.png", width=10_001, height=10_000)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.warns(Image.DecompressionBombWarning), pytest.raises(BadInput, match="10001×10000"):
        images.load(path, size=16, keep_aspect=False)


def test_load_all_equals_load_for_any_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "BATCH", 7)  # several batches, the last one not full
    paths = [save(tmp_path, f"{i}.png", noise((20 + i, 30)) // (i + 1)) for i in range(30)]
    paths[4:4] = [tmp_path / "absent.png"]
    (tmp_path / "text.png").write_text("not an image")
    paths += [tmp_path / "text.png"]
    filled = {}
    for processes in (1, 2):
        out = np.memmap(tmp_path / f"out{processes}", np.uint8, "w+", shape=(32, 16, 16))
        out[:] = 99
        filled[processes] = (
            out,
            images.load_all(paths, size=16, keep_aspect=True, out=out, processes=processes),
        )
    out, reasons = filled[1]
    assert np.array_equal(out, filled[2][0]) and reasons == filled[2][1]
    assert [i for i, reason in enumerate(reasons) if reason] == [4, 31]
    assert "absent.png" in reasons[4] and (out[4] == 0).all() and (out[31] == 0).all()
    for row in (0, 3, 5, 30):
        assert np.array_equal(out[row], images.load(paths[row], size=16, keep_aspect=True))


def test_load_all_of_nothing_is_nothing():
    assert images.load_all([], size=8, keep_aspect=False, out=np.empty((0, 8, 8), np.uint8)) == []


@pytest.mark.skipif(not XRAYS.is_dir(), reason=f"no real X-rays at {XRAYS}")
def test_real_xrays_shrink_to_their_block_means():
    paths = sorted(XRAYS.glob("*.jpeg"))[:64]
    out = np.empty((64, 56, 56), np.uint8)
    assert images.load_all(paths, size=56, keep_aspect=True, out=out) == [None] * 64
    for path, got in zip(paths[:8], out, strict=False):
        with Image.open(path) as image:
            full = np.asarray(image.convert("L"), float)
        means = full.reshape(56, 4, 56, 4).mean(axis=(1, 3))
        assert np.abs(got - means).mean() < 4
        assert abs(got.mean() - full.mean()) < 1
