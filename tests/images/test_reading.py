"""Image files: the grey pixels they become, and what is refused."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from rayling.common.errors import BadInput
from rayling.images import reading


def load(path, *, size, keep_aspect):
    """The pixels of a file as `prepare` reads them."""
    return reading.square(reading.grey(path), size=size, keep_aspect=keep_aspect)


def noise(shape, *, high=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


def save(tmp_path, name, pixels, mode=None, **options):
    path = tmp_path / name
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def png_header(path, *, width, height):
    """A PNG that declares width × height pixels and holds none."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", b"")]
    packed = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def test_an_image_of_the_right_size_is_left_as_it_is(tmp_path):
    pixels = noise((32, 32))
    path = save(tmp_path, "grey.png", pixels)
    for keep_aspect in (True, False):
        assert np.array_equal(load(path, size=32, keep_aspect=keep_aspect), pixels)


def test_16_bits_are_scaled_and_not_clipped(tmp_path):
    pixels = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    got = load(save(tmp_path, "deep.png", pixels), size=32, keep_aspect=False)
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
    assert np.array_equal(load(path, size=24, keep_aspect=False), expected)


def test_shrinking_does_not_alias(tmp_path):
    stripes = np.tile(np.uint8([0, 255]), (128, 64))  # without antialiasing all black or all white
    got = load(save(tmp_path, "stripes.png", stripes), size=16, keep_aspect=False)
    assert np.abs(got[:, 1:-1].astype(int) - 127).max() <= 8


def test_the_shorter_side_is_padded_with_black(tmp_path):
    path = save(tmp_path, "wide.png", np.full((20, 40), 200, np.uint8))
    kept = load(path, size=40, keep_aspect=True)
    assert (kept[10:30] == 200).all()
    assert (kept[:10] == 0).all() and (kept[30:] == 0).all()
    assert (load(path, size=40, keep_aspect=False) == 200).all()


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
    png_header(tmp_path / "huge.png", width=40_000, height=40_000)
    return {
        "half.jpeg": "truncated",
        "half.png": "",
        "empty.png": "found an empty file;",
        "text.png": "found text;",
        "gif.png": "found a GIF image;",
        "bomb.png": "10001×10000 pixels",
        "huge.png": "1600000000 pixels",
        "absent.png": "No such file",
        "a\0b.png": "null byte",
    }


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_broken_files_are_refused_with_a_line_that_names_them(tmp_path):
    for name, word in broken(tmp_path).items():
        with pytest.raises(BadInput) as caught:
            load(tmp_path / name, size=16, keep_aspect=True)
        line = str(caught.value)
        shown = name.replace("\0", "\\x00")
        assert line.startswith(f"{tmp_path / shown}: found ") and "; expected a whole PNG, JPEG or DICOM" in line
        assert word in line and "\n" not in line


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = png_header(tmp_path / "bomb.png", width=10_001, height=10_000)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.warns(Image.DecompressionBombWarning), pytest.raises(BadInput, match="10001×10000"):
        load(path, size=16, keep_aspect=False)


def test_16_bits_in_a_narrow_range_are_stretched_to_the_full_range(tmp_path):
    pixels = np.linspace(300, 4095, 32 * 32).reshape(32, 32).astype(np.uint16)  # 12 bits, as detectors have
    got = load(save(tmp_path, "deep.png", pixels), size=32, keep_aspect=False)
    assert np.abs(got - (pixels - 300.0) * 255 / 3795).max() <= 0.5
    assert (load(save(tmp_path, "flat.png", np.full((8, 8), 700, np.uint16)), size=8, keep_aspect=False) == 0).all()


def test_an_exif_rotation_is_applied(tmp_path):
    pixels, exif = noise((24, 24)), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    path = save(tmp_path, "turned.png", pixels, exif=exif)
    assert np.array_equal(load(path, size=24, keep_aspect=False), np.rot90(pixels, -1))


def test_the_content_decides_the_format_and_not_the_name(tmp_path):
    path = save(tmp_path, "a.png", noise((16, 16))).rename(tmp_path / "a.jpeg")
    assert np.array_equal(load(path, size=16, keep_aspect=False), noise((16, 16)))


def linked(tmp_path):
    """A data set with a file, a link within it, and links out of it: to a file, through a folder, to nothing."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    save(outside, "secret.png", noise((16, 16)))
    save(root, "own.png", noise((16, 16)))
    for name, target in {
        "in.png": "own.png",
        "out.png": outside / "secret.png",
        "folder": outside,
        "loop": "loop",
    }.items():
        (root / name).symlink_to(target)
    return root


def test_a_link_that_leaves_the_data_set_is_refused_and_one_within_is_not(tmp_path):
    root = linked(tmp_path)
    for name in ("own.png", "in.png"):
        file = reading.File(root / name, inside=root.resolve())
        assert np.array_equal(np.asarray(reading.grey_inside(file)), noise((16, 16)))
    for name in ("out.png", "folder/secret.png"):
        with pytest.raises(BadInput, match=f"{name}: found a link to .*secret.png; expected a file below {root}"):
            reading.grey_inside(reading.File(root / name, inside=root.resolve()))
    os.mkfifo(root / "pipe.png")  # to open it would wait for ever
    for name in ("loop", "a\0b.png", "pipe.png", "folder"):
        with pytest.raises(BadInput, match="found "):
            reading.grey_inside(reading.File(root / name, inside=root.resolve()))


def test_a_data_set_that_is_itself_a_link_and_one_that_dvc_linked_to_its_cache_are_read(tmp_path):
    root = linked(tmp_path)
    (tmp_path / "link").symlink_to(root)
    file = reading.File(tmp_path / "link" / "own.png", inside=(tmp_path / "link").resolve())
    assert np.asarray(reading.grey_inside(file)).shape == (16, 16)
    cached = tmp_path / "cache" / "files" / "md5" / "0a" / ("0123456789abcdef" * 2)[:30]
    cached.parent.mkdir(parents=True)
    save(tmp_path, "whole.png", noise((16, 16))).rename(cached)
    (root / "cached.png").symlink_to(cached)
    file = reading.File(root / "cached.png", inside=root.resolve())
    assert np.asarray(reading.grey_inside(file)).shape == (16, 16)


def test_too_little_memory_is_not_reported_as_a_broken_file(tmp_path, monkeypatch):
    def exhausted(_):
        raise MemoryError

    path = save(tmp_path, "a.png", noise((16, 16)))
    monkeypatch.setattr(reading, "_grey", exhausted)
    with pytest.raises(OSError, match=r"a.png: too little memory"):
        load(path, size=16, keep_aspect=False)
