"""Decoders in C write to standard error, where nobody would know of which file they speak."""

import os

import numpy as np
import pytest

from rayling.common.errors import BadInput
from rayling.images import decoder_messages, reading
from tests.images.dicom_files import recode, write


def test_lines_of_c_code_are_kept_and_later_ones_are_printed(capfd):
    with decoder_messages.kept() as said:
        os.write(2, b"from below\nand again\n")
    os.write(2, b"later\n")
    assert said == ["from below", "and again"]
    assert capfd.readouterr().err == "later\n"


def test_an_error_in_the_block_gives_standard_error_back(capfd):
    with pytest.raises(ZeroDivisionError), decoder_messages.kept():
        1 / 0  # noqa: B018
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


@pytest.mark.parametrize("codec", ["JPEGBaselineProcess1", "JPEGLosslessProcess14_1", "JPEG2000Lossless"])
def test_a_damaged_film_is_refused_or_read_in_silence(tmp_path, capfd, codec):
    rng = np.random.default_rng(0)
    path = recode(write(tmp_path / "film", rng.integers(256, size=(64, 64)).astype("u1")), codec)
    whole, refusals = path.read_bytes(), []
    capfd.readouterr()
    for place in rng.integers(len(whole) // 2, len(whole) - 100, 40):
        path.write_bytes(whole[:place] + bytes(8) + whole[place + 8 :])
        try:
            reading.grey(path)
        except BadInput as error:
            refusals.append(str(error))
    assert capfd.readouterr().err == ""
    assert all(line.startswith(f"{path}: found ") and "\n" not in line for line in refusals)
    if codec == "JPEGBaselineProcess1":
        assert any("that are damaged: Corrupt JPEG data" in line for line in refusals)
