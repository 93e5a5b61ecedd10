"""Which files below a folder are images."""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import BasicTextSRStorage

from rayling.common.errors import BadInput
from rayling.images import reading
from tests.images.dicom_files import noise, write


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_links_to_folders_are_followed_and_a_loop_ends(tmp_path):
    root = tmp_path / "root"
    touch(root, "kids/ok/a.png", "kids/ok/G.DCM", "kids/ok/notes.txt", "kids/.hidden/f.png", "adults/x/d.png")
    touch(tmp_path, "elsewhere/deep/h.jpeg")
    (root / "kids/back").symlink_to(root)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    found = reading.image_files(root)
    assert found == ["adults/x/d.png", "kids/ok/G.DCM", "kids/ok/a.png", "linked/deep/h.jpeg"]
    assert reading.utf8_image_files(root) == found


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
def test_a_name_that_is_not_utf8_is_refused_in_one_line(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    with pytest.raises(BadInput, match=r"found a file named '\\udcff.png', expected names in UTF-8"):
        reading.utf8_image_files(tmp_path)
    assert len(reading.image_files(tmp_path)) == 1


@pytest.mark.skipif(
    not Path("/proc/self/mem").exists(), reason="needs /proc/self/mem, which cannot be read from its start"
)
def test_a_file_that_cannot_be_opened_is_listed_so_that_its_reader_reports_it():
    assert reading.is_image(Path("/proc/self/mem")) and not reading.is_image(Path("/proc/self/status"))


def test_dicom_without_an_image_is_listed_apart_whatever_its_name(tmp_path):
    film, report = write(tmp_path / "IM1", noise(0, 9, "u1")), {"SOPClassUID": BasicTextSRStorage}
    for name in ("IM2", "report.dcm"):
        dataset = dcmread(write(tmp_path / name, noise(0, 9, "u1"), **report))
        for keyword in ("Rows", "Columns", "PixelData"):
            del dataset[keyword]
        dataset.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
        dataset.save_as(tmp_path / name)
    (tmp_path / "cut.dcm").write_bytes(film.read_bytes()[:300])  # too short to tell: its reader reports it
    (tmp_path / "film.dcm").write_bytes(film.read_bytes())
    (tmp_path / "other.dcm").write_text("no DICOM")
    os.mkfifo(tmp_path / "pipe.dcm")  # to open it would wait for ever
    found = reading.listing(tmp_path)
    assert found.images == ["IM1", "cut.dcm", "film.dcm", "other.dcm", "pipe.dcm"]
    assert found.without_image == ["IM2 (Basic Text SR)", "report.dcm (Basic Text SR)"]
    assert found.passed_over() == "passed over DICOM files that hold no image: 2, the first IM2 (Basic Text SR)"
    assert reading.Listing(found.images, []).passed_over() is None


def test_dicom_is_recognised_by_content(tmp_path):
    path = write(tmp_path / "a.png", noise(0, 9, "u1"))
    Image.fromarray(noise(0, 9, "u1")).resize((90, 90)).save(tmp_path / "b.dcm", "PNG")
    (tmp_path / "short.dcm").write_bytes(path.read_bytes()[:131])
    (tmp_path / "empty.dcm").write_bytes(b"")
    assert reading.is_dicom(path) and reading.is_dicom(str(path))
    assert not any(reading.is_dicom(tmp_path / name) for name in ("b.dcm", "short.dcm", "empty.dcm"))
    with pytest.raises(FileNotFoundError):
        reading.is_dicom(tmp_path / "absent.dcm")
