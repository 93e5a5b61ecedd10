"""The table of transfer syntaxes in docs/data.md, held against files of each and the pixels that they must have."""

import json
import subprocess
import sys

import numpy as np
import pytest
from pydicom import dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
)

from tests.browser import NODE
from tests.images.dicom_files import encode, recode, write
from tests.tiny import ROOT

FILM = (2048 + 1500 * np.sin(np.arange(30) / 9) + 500 * np.cos(np.arange(20) / 7)[:, None]).astype("u2")
COLUMNS = ("transfer syntax", "UID", "`prepare`, `predict`", "`predict` without `python-gdcm`", "the page")

GDCMS = {
    "JPEGBaselineProcess1": (8,),
    "JPEGExtendedProcess2_4": (8, 12),
    "JPEGLosslessProcess14": (12,),
    "JPEGLosslessProcess14_1": (12,),
    "JPEGLSLossless": (12,),
    "JPEGLSNearLossless": (12,),
    "JPEG2000Lossless": (12,),
    "JPEG2000": (12,),
    "RLELossless": (12,),
}


def film(path, bits):
    return write(path, FILM if bits == 12 else (FILM >> 4).astype("u1"), BitsStored=bits)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A film in each transfer syntax that can be written here, by (UID, bits); the deflated one too."""
    folder, files = tmp_path_factory.mktemp("syntaxes"), {}
    plain = film(folder / "plain", 12)
    made = [(plain, 12)]
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian):
        made.append((encode(film(folder / syntax, 12), syntax), 12))
    for codec, depths in GDCMS.items():
        made += [(recode(film(folder / f"{codec}{bits}", bits), codec), bits) for bits in depths]
    for path, bits in made:
        files[UID(dcmread(path).file_meta.TransferSyntaxUID), bits] = path
    return files


READ = """
import json, sys
if sys.argv[1] == "without":
    sys.modules["gdcm"] = None  # as if it were not installed
import numpy
from rayling.images import dicom
for path in sys.argv[2:]:
    try:
        print(json.dumps(numpy.asarray(dicom.grey(path, max_pixels=600)).tolist()))
    except ValueError as error:
        print(json.dumps(str(error)))
"""


def answers(paths, gdcm="with"):
    """The grey levels of each file, or why it is refused, in a process of its own with or without gdcm."""
    command = [sys.executable, "-c", READ, gdcm, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_film(answer):
    """Whether a film was read; its levels must be those of the film, within the losses of a lossy codec."""
    if isinstance(answer, str):
        return False
    assert np.abs(answer - (FILM - float(FILM.min())) * (255 / np.ptp(FILM))).max() < 4
    return True


def page_reads(files):
    """Whether the page reads each transfer syntax with so many bits. Its pixels are compared in tests/web."""
    calls = json.dumps([["dicom-syntax", "decoderOf", uid, bits] for uid, bits in files])
    done = subprocess.run([NODE, ROOT / "tests/web/call.mjs"], input=calls, capture_output=True, text=True, check=True)
    return [answer is None or isinstance(answer, str) for answer in json.loads(done.stdout)]


@pytest.mark.skipif(NODE is None, reason="no node")
def test_the_table_says_what_is_read_and_what_is_not(files):
    reads = [map(is_film, answers(files.values(), gdcm)) for gdcm in ("with", "without")]
    columns = [*reads, page_reads(files)]
    text = (ROOT / "docs/data.md").read_text("utf-8")
    assert "| " + " | ".join(COLUMNS) + " |" in text
    for (uid, bits), *read in zip(files, *columns, strict=True):
        depth = f", {bits} bits" if uid == JPEGExtended12Bit else ""
        cells = [uid.name + depth, f"`{uid}`", *("yes" if each else "no" for each in read)]
        assert "| " + " | ".join(cells) + " |" in text
    assert text.count("| `1.2.840.10008.1.2") == len(files)


def test_every_other_transfer_syntax_is_refused_by_its_name(files, tmp_path):
    known = {uid for uid, _ in files}
    uids = [UID(uid) for uid, (_, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"]
    others = [uid for uid in uids if uid not in known]
    dataset = dcmread(files[JPEG2000Lossless, 12])
    for uid in others:
        dataset.file_meta.TransferSyntaxUID = uid
        dataset.save_as(tmp_path / uid, implicit_vr=False, little_endian=True)
    refusals = answers([tmp_path / uid for uid in others])
    assert len(others) > 40 and all(f"{uid.name} ({uid})" in said for uid, said in zip(others, refusals, strict=True))


def test_without_gdcm_the_message_names_the_package(files):
    (said,) = answers([files[JPEGLosslessSV1, 12]], "without")
    assert said.endswith("for which no decoder is installed; python-gdcm, which reads more, is not installed")
