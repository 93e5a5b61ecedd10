"""data/external.h5: what is written is read, and another file is refused."""

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.storage import films

LABELS = np.array([[1, 0], [np.nan, 1], [0, np.nan]], np.float32)
COLUMNS = {"image_id": ["a/1.png", "a/Größe.png", "b/2.png"], "patient_id": ["p", "p", "q"], "source": ["a", "a", "b"]}
PIXELS = {size: np.random.default_rng(size).integers(0, 256, (3, size, size), np.uint8) for size in (8, 12)}


def write(path, labels=LABELS):
    films.create(path, names=["Kälte", "Fieber"], sizes=PIXELS, labels=labels, columns=COLUMNS)
    for size, pixels in PIXELS.items():
        films.fill(path, size, [pixels[:2], pixels[2:]])
    return path


def test_what_is_written_is_read(tmp_path):
    found = films.read(write(tmp_path / "external.h5"))
    assert found.names == ["Kälte", "Fieber"] and list(found.images) == [8, 12]
    assert all(np.array_equal(found.images[size], pixels) for size, pixels in PIXELS.items())
    assert np.array_equal(found.labels, LABELS, equal_nan=True)
    assert {name: getattr(found, name).tolist() for name in films.COLUMNS} == COLUMNS


def test_no_film_and_no_size_can_be_written(tmp_path):
    path = tmp_path / "external.h5"
    films.create(path, names=["a"], sizes=(), labels=np.zeros((0, 1)), columns=dict.fromkeys(films.COLUMNS, ()))
    found = films.read(path)
    assert found.images == {} and found.labels.shape == (0, 1) and len(found.image_id) == 0


def test_another_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "external.h5"
    path.write_text("image,label\n")
    with pytest.raises(BadInput, match=r"external\.h5: .*expected films of format 1"):
        films.read(path)
    write(path, labels=LABELS + 1)
    with pytest.raises(BadInput, match="found labels that are not 0, 1 or NaN"):
        films.read(path)
