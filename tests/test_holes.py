"""A file of holes is what any file is."""

import io

import numpy as np

from distill import holes
from distill.holes import Holes


def test_random_reads_and_writes_are_those_of_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(holes, "PAGE", 16)
    dice, ours, plain = np.random.default_rng(0), Holes(), io.BytesIO()
    for _ in range(2000):
        whence = int(dice.integers(3))
        places = {io.SEEK_SET: dice.integers(200), io.SEEK_CUR: dice.integers(20), io.SEEK_END: -dice.integers(5)}
        if len(plain.getbuffer()) < 5:
            whence = io.SEEK_SET
        assert ours.seek(int(places[whence]), whence) == plain.seek(int(places[whence]), whence) == ours.tell()
        if dice.integers(2):
            content = dice.bytes(int(dice.integers(60)))
            assert ours.write(content) == plain.write(content)
        else:
            count = int(dice.integers(60))
            assert ours.read(count) == plain.read(count)
    ours.save(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == plain.getvalue()


def test_what_was_never_written_takes_neither_memory_nor_disk(tmp_path):
    ours = Holes()
    ours.seek(2**40)
    ours.write(b"end")
    assert len(ours.pages) == 1
    ours.save(tmp_path / "file")
    found = (tmp_path / "file").stat()
    assert found.st_size == 2**40 + 3 and found.st_blocks * 512 < 10 * holes.PAGE
