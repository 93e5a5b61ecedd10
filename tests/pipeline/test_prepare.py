"""`prepare` run on what users have: every kind of image, broken ones, and mistakes in tables."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from rayling.common.errors import BadInput
from tests.pipeline.prepare_study import (
    LABELS,
    RAW,
    fill,
    metrics,
    packed_images,
    run_prepare,
    split_table,
    write_list,
    xray,
)


def bomb(path):
    """A PNG that promises 40,000 × 40,000 pixels and holds none."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)), (b"IDAT", b"")]
    packed = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def dicom(path, pixels=None):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    if pixels is not None:
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.WindowCenter, dataset.WindowWidth = 128, 256
        dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.save_as(path, enforce_file_format=True)


GOOD = {"rgba.png": "RGBA", "palette.png": "P", "la.png": "LA", "cmyk.jpeg": "CMYK", "bits.png": "1"}


def test_every_kind_of_image_is_read_and_every_broken_one_is_listed(folder, capsys):
    rows = fill(folder)
    for n, (name, mode) in enumerate(GOOD.items()):
        Image.fromarray(xray(100 + n)).convert("RGB").convert(mode).save(folder / name)
    Image.fromarray(xray(110).astype(np.uint16) * 16).save(folder / "deep.png")
    dicom(folder / "whole.dcm", xray(111))
    good = [*GOOD, "deep.png", "whole.dcm"]
    Image.fromarray(xray(0)).save(folder / "cut.jpeg")
    (folder / "cut.jpeg").write_bytes((folder / "cut.jpeg").read_bytes()[:400])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not an image")
    bomb(folder / "bomb.png")
    dicom(folder / "report.dcm")
    Image.fromarray(xray(3)).save(folder.parent / "secret.png")
    (folder / "out.png").symlink_to(Path("..") / "secret.png")
    Image.new("L", (64, 64), 7).save(folder / "blank.png")
    broken = ["cut.jpeg", "empty.png", "text.png", "bomb.png", "report.dcm", "out.png", "missing.png", "blank.png"]
    (folder / "extra.png").write_bytes((folder / "0.png").read_bytes())  # on disk, in no row
    write_list([*rows, *({"image": name, "patient": name, "Edema": 1, "Fracture": ""} for name in [*good, *broken])])
    run_prepare(max_unreadable=0.2)

    unreadable = pd.read_csv("data/unreadable.csv").set_index("image")["reason"]
    assert unreadable.index.tolist() == broken
    words = [
        "truncated",
        "an empty file",
        "found text",
        "1600000000 pixels",
        "no pixel data",
        "a link to",
        "No such file",
        "one grey value everywhere",
    ]
    assert all(word in reason for word, reason in zip(words, unreadable, strict=True)), unreadable.tolist()
    assert metrics()["left_out"] == {"all": 8, "unreadable": 8} and metrics()["unlisted"] == 1
    assert pd.read_csv("data/unlisted.csv")["image"].tolist() == ["extra.png"]
    packed = packed_images("train") | packed_images("dev") | packed_images("test")
    assert set(packed) == {row["image"] for row in rows} | set(good)
    for n, name in enumerate(good):
        seed = 100 + n if name in GOOD else {"deep.png": 110, "whole.dcm": 111}[name]
        small = np.asarray(Image.fromarray(xray(seed)).resize((32, 32), Image.Resampling.BILINEAR)).astype(float)
        assert np.corrcoef(small.ravel(), packed[name].ravel().astype(float))[0, 1] > 0.85, name
    printed = capsys.readouterr().out
    assert "8 of 55 images cannot be read (listed in data/unreadable.csv), the first: " in printed
    assert "1 images on disk are in no CSV and no class" in printed


def test_a_table_without_rows_is_refused(folder):
    write_list(fill(folder))
    table = RAW / "list.csv"
    table.write_text(table.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadInput, match=r"data/raw/mine: its 1 sources name no image, expected some"):
        run_prepare()


def test_too_many_unreadable_images_end_the_run_and_are_listed(folder):
    rows = fill(folder)
    write_list([*rows, {"image": "missing.png", "patient": "x", "Edema": 1, "Fracture": 0}])
    with pytest.raises(BadInput, match=r"max_unreadable: 2.0% are allowed, found 1 of 41 .*missing.png: found No such"):
        run_prepare(max_unreadable=0.02)
    assert pd.read_csv("data/unreadable.csv")["image"].tolist() == ["missing.png"]
    assert not Path("data/prepared.h5").exists() and not list(Path("data").glob(".prepare-*"))
    run_prepare(max_unreadable=0.03)
    assert Path("data/prepared.h5").exists()


def test_images_that_are_left_out_are_not_decoded(folder):
    header = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(LABELS)
    rows = []
    for n in range(20):
        name = f"train/patient{n:05d}/study1/view1_frontal.jpg"
        (folder / name).parent.mkdir(parents=True)
        Image.fromarray(xray(n)).save(folder / name)
        rows.append(f"CheXpert-v1.0/{name},F,60,Frontal,AP,{n % 2}.0,{n % 3 % 2}.0")
        (folder / name).with_name("view2_lateral.jpg").write_text("would be unreadable")
        rows.append(f"CheXpert-v1.0/{name.replace('view1_frontal', 'view2_lateral')},F,60,Lateral,,,")
    (folder / "train.csv").write_text("\n".join([header, *rows]))
    (folder / "valid.csv").write_text(header + "\n")
    chexpert = {"reader": "chexpert", "folder": ".", "frontal_only": True, "uncertain": {"default": "ones"}}
    run_prepare(chexpert | {"blank": "zeros"})
    assert metrics()["left_out"] == {"all": 20, "lateral view": 20}
    assert (split_table()["left_out"] == "lateral view").sum() == 20


def test_every_mistake_in_a_table_is_one_line(folder):
    rows = fill(folder, 4)
    for change, line in [
        ({"image": "../secret.png"}, r"list.csv, row 2: image is '../secret.png', expected a path that stays below"),
        ({"Edema": "maybe"}, r"list.csv, row 2: Edema is 'maybe', expected 1, 0 or blank"),
        ({"image": "1.png"}, r"list.csv, row 3: image is '1.png', expected each image once"),
    ]:
        write_list([rows[0] | change, *rows[1:]])
        with pytest.raises(BadInput) as caught:
            run_prepare()
        assert re.search(line, str(caught.value)) and "\n" not in str(caught.value)


def test_names_that_matplotlib_would_read_as_mathematics_are_allowed_for_sources_and_refused_for_labels(folder):
    write_list([row | {"source": "$x_{$"} for row in fill(folder)])
    run_prepare()
    with pytest.raises(BadInput, match=r"labels: found 'A\$', expected another name"):
        run_prepare(labels=["A$"])
