"""`prepare` as its user runs it, on sets with everything in them that goes wrong."""

import json
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from distill import dumps, prepared
from distill.errors import BadInput
from stages import prepare

ROOT = Path(__file__).parents[1]
LABELS = ["Edema", "Fracture"]
CSV = {"reader": "plain_csv", "folder": ".", "file": "list.csv"}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that runs `prepare` on what stands in data/raw/mine, with these settings below `data`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw/mine").mkdir(parents=True)

    def run(*sources, balance=None, **changed):
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        settings = {"labels": LABELS, "size": 32, "dev": 0.25, "test": 0.25, "max_unreadable": 0.0} | changed
        block = content["studies"]["phantom"]
        block["data"] |= {"sources": list(sources or [CSV])} | settings
        block["balance"] = {"counts": {}, "ratios": {}} | (balance or {})
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content | {"study": "mine", "studies": {"mine": block}}))
        prepare.main()

    return run


def film(seed):
    """An X-ray of nobody, (64, 64) uint8: like a real one, the finer a structure the fainter."""
    rng, total = np.random.default_rng(seed), np.zeros((64, 64))
    for cells in (2, 4, 8, 16, 32):
        noise = Image.fromarray(rng.normal(0, 80 / cells**0.5, (cells, cells)).astype(np.float32))
        total += np.asarray(noise.resize((64, 64), Image.Resampling.BICUBIC))
    return (total + 128).clip(0, 255).astype(np.uint8)


def fill(folder, count=40, *, name="{}.png"):
    """`count` good films and the rows of their table, each its own patient."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(count):
        Image.fromarray(film(n)).save(folder / name.format(n))
        rows.append({"image": name.format(n), "patient": f"p{n}", "Edema": n % 2, "Fracture": int(n % 3 == 0)})
    return rows


def listed(rows, file="list.csv"):
    pd.DataFrame(rows).to_csv(Path("data/raw/mine") / file, index=False)


def metrics():
    return json.loads(Path("metrics/prepare.json").read_text(encoding="utf-8"))


def split_of():
    return pd.read_csv("data/split.csv", keep_default_na=False).set_index("image")


def images_in(split):
    part = prepared.read("data/prepared.h5", split)
    return dict(zip(part.image_id.tolist(), np.asarray(part.images), strict=True))


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


def test_every_kind_of_image_goes_in_and_every_broken_one_is_listed(study, capsys):
    folder = Path("data/raw/mine")
    rows = fill(folder)
    for n, (name, mode) in enumerate(GOOD.items()):
        Image.fromarray(film(100 + n)).convert("RGB").convert(mode).save(folder / name)
    Image.fromarray(film(110).astype(np.uint16) * 16).save(folder / "deep.png")
    dicom(folder / "whole.dcm", film(111))
    good = [*GOOD, "deep.png", "whole.dcm"]
    Image.fromarray(film(0)).save(folder / "cut.jpeg")
    (folder / "cut.jpeg").write_bytes((folder / "cut.jpeg").read_bytes()[:400])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not an image")
    bomb(folder / "bomb.png")
    dicom(folder / "report.dcm")
    Image.fromarray(film(3)).save(folder.parent / "secret.png")
    (folder / "out.png").symlink_to(Path("..") / "secret.png")
    Image.new("L", (64, 64), 7).save(folder / "blank.png")
    broken = ["cut.jpeg", "empty.png", "text.png", "bomb.png", "report.dcm", "out.png", "missing.png", "blank.png"]
    (folder / "extra.png").write_bytes((folder / "0.png").read_bytes())  # on disk, in no row
    listed([*rows, *({"image": name, "patient": name, "Edema": 1, "Fracture": ""} for name in [*good, *broken])])
    study(max_unreadable=0.2)

    unreadable = pd.read_csv("data/unreadable.csv").set_index("image")["reason"]
    assert unreadable.index.tolist() == broken
    words = [
        "truncated",
        "nothing",
        "another format",
        "1600000000 pixels",
        "no pixel data",
        "a link to",
        "No such file",
        "one grey value everywhere",
    ]
    assert all(word in reason for word, reason in zip(words, unreadable, strict=True)), unreadable.tolist()
    assert metrics()["left_out"] == {"all": 8, "unreadable": 8} and metrics()["unlisted"] == 1
    assert pd.read_csv("data/unlisted.csv")["image"].tolist() == ["extra.png"]
    packed = images_in("train") | images_in("dev") | images_in("test")
    assert set(packed) == {row["image"] for row in rows} | set(good)
    for n, name in enumerate(good):
        seed = 100 + n if name in GOOD else {"deep.png": 110, "whole.dcm": 111}[name]
        small = np.asarray(Image.fromarray(film(seed)).resize((32, 32), Image.Resampling.BILINEAR)).astype(float)
        assert np.corrcoef(small.ravel(), packed[name].ravel().astype(float))[0, 1] > 0.85, name
    told = capsys.readouterr().out
    assert "8 of 55 images can't be read (listed in data/unreadable.csv), the first: " in told
    assert "1 images on disk are in no CSV or class" in told


def test_a_table_without_a_row_is_refused(study):
    listed(fill(Path("data/raw/mine")))
    table = Path("data/raw/mine/list.csv")
    table.write_text(table.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadInput, match=r"data/raw/mine: its 1 sources name no image, expected some"):
        study()


def test_too_many_unreadable_images_end_the_run_and_stay_listed(study):
    rows = fill(Path("data/raw/mine"))
    listed([*rows, {"image": "missing.png", "patient": "x", "Edema": 1, "Fracture": 0}])
    with pytest.raises(BadInput, match=r"max_unreadable: 2.0% are allowed, found 1 of 41 .*missing.png: found No such"):
        study(max_unreadable=0.02)
    assert pd.read_csv("data/unreadable.csv")["image"].tolist() == ["missing.png"]
    assert not Path("data/prepared.h5").exists() and not list(Path("data").glob(".prepare-*"))
    study(max_unreadable=0.03)
    assert Path("data/prepared.h5").exists()


def test_nothing_is_decoded_that_was_not_asked_for(study):
    folder = Path("data/raw/mine")
    header = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(LABELS)
    rows = []
    for n in range(20):
        name = f"train/patient{n:05d}/study1/view1_frontal.jpg"
        (folder / name).parent.mkdir(parents=True)
        Image.fromarray(film(n)).save(folder / name)
        rows.append(f"CheXpert-v1.0/{name},F,60,Frontal,AP,{n % 2}.0,{n % 3 % 2}.0")
        (folder / name).with_name("view2_lateral.jpg").write_text("would be unreadable")
        rows.append(f"CheXpert-v1.0/{name.replace('view1_frontal', 'view2_lateral')},F,60,Lateral,,,")
    (folder / "train.csv").write_text("\n".join([header, *rows]))
    (folder / "valid.csv").write_text(header + "\n")
    chexpert = {"reader": "chexpert", "folder": ".", "frontal_only": True, "uncertain": {"default": "ones"}}
    study(chexpert | {"blank": "zeros"})
    assert metrics()["left_out"] == {"all": 20, "lateral view": 20}
    assert (split_of()["left_out"] == "lateral view").sum() == 20


def test_copies_go_near_duplicates_stay_together_and_the_official_test_set_stays_as_it_is(study, capsys):
    folder = Path("data/raw/mine")
    rows = fill(folder, 60)
    for n, row in enumerate(rows):
        row["split"] = "test" if n < 10 else ""
    Image.fromarray(film(20)).save(folder / "copy.png")  # of a free film, under another patient, with another label
    Image.fromarray(film(3)).save(folder / "leak.png")  # of a test film
    brighter = (film(30) * 0.9 + 20).astype(np.uint8)
    Image.fromarray(brighter).save(folder / "near.png")
    more = [
        ("copy.png", "q1", 1, 0),
        ("copied patient.png", "q1", 0, 0),
        ("leak.png", "q2", 1, 1),
        ("known.png", "p4", 0, 0),
    ]
    more += [("near.png", "q3", 1, 0), ("near patient.png", "q3", 0, 0)]
    for n, (name, *_) in enumerate(more):
        if not (folder / name).exists():
            Image.fromarray(film(200 + n)).save(folder / name)
    rows += [{"image": i, "patient": p, "Edema": e, "Fracture": f, "split": ""} for i, p, e, f in more]
    listed(rows)
    study()

    side = split_of()
    assert side.loc["copy.png", "left_out"] == side.loc["leak.png", "left_out"] == "copy"
    assert side.loc["known.png", "left_out"] == "patient or film is in test"
    assert set(images_in("test")) == {f"{n}.png" for n in range(10)}
    assert side.loc["copied patient.png", "split"] == side.loc["20.png", "split"]
    assert len(set(side.loc[["30.png", "near.png", "near patient.png"], "split"])) == 1
    assert metrics()["duplicates"] == {"copies": 2, "near": 1, "of_two_patients": 3, "that_disagree": 2}
    pairs = pd.read_csv("data/duplicates.csv", keep_default_na=False).set_index("image")
    assert pairs.loc["copy.png", "disagree"] == "Edema" and pairs.loc["30.png", "other"] == "near.png"
    everyone = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    where = {image: (split, part) for split, part in everyone.items() for image in part.image_id.tolist()}
    _, part = where["20.png"]
    assert np.isnan(part.labels[part.image_id.tolist().index("20.png"), 0])
    told = capsys.readouterr().out
    assert "1 pairs of near-duplicates" in told and "3 films stand under two patients" in told
    assert "2 films stand there twice with other labels" in told


def test_one_patient_at_two_hospitals_of_one_csv_is_one_patient(study):
    rows = fill(Path("data/raw/mine"))
    for n, row in enumerate(rows):
        row |= {"source": "ab"[n % 2], "patient": f"p{n // 2}"}
    listed(rows)
    study()
    assert (split_of().groupby("patient")["split"].nunique() == 1).all()
    assert metrics()["patients"]["train"]["all"] < 20


def test_labels_and_sources_may_be_called_what_matplotlib_would_read_as_mathematics(study):
    listed([row | {"source": "$x_{$"} for row in fill(Path("data/raw/mine"))])
    study()
    with pytest.raises(BadInput, match=r"labels: found 'A\$', expected another name"):
        study(labels=["A$"])


def test_the_split_that_was_written_can_be_given_back_whatever_the_seed_and_shares(study):
    rows = fill(Path("data/raw/mine"))
    Image.fromarray(film(5)).save("data/raw/mine/copy.png")
    listed([*rows, {"image": "copy.png", "patient": "q", "Edema": 1, "Fracture": 0}])
    study()
    first, packed = Path("data/split.csv").read_bytes(), Path("data/prepared.h5").read_bytes()
    Path("data/splits").mkdir()
    Path("data/splits/mine.csv").write_bytes(first)
    study(dev=0.4, test=0.1)
    assert Path("data/split.csv").read_bytes() != first
    study(dev=0.4, test=0.1, split_file="mine.csv")
    assert Path("data/split.csv").read_bytes() == first
    assert Path("data/prepared.h5").read_bytes() == packed
    with pytest.raises(BadInput, match=r"data/splits/absent.csv: no such file"):
        study(split_file="absent.csv")


def test_the_epoch_is_balanced_by_the_rule_and_the_images_are_not_copied(study):
    listed(fill(Path("data/raw/mine")))
    study(balance={"counts": {"Fracture": 50}})
    train = prepared.read("data/prepared.h5", "train")
    assert (train.labels[train.rows, 1] == 1).sum() == 50 and len(train.images) < 40
    assert metrics()["balanced"]["positive"]["Fracture"] == 50
    dump = dumps.read("data/dumps/labels.h5", names=LABELS, recipe={}, image_id=train.image_id)
    assert dump.empty


def test_the_labels_of_most_train_patients_can_be_hidden_and_those_of_dev_and_test_stay(study):
    listed(fill(Path("data/raw/mine")))
    study()
    full = {split: prepared.read("data/prepared.h5", split) for split in prepared.SPLITS}
    whole = {split: np.array(part.labels) for split, part in full.items()}
    study(labelled_fraction=0.3)
    train = prepared.read("data/prepared.h5", "train")
    unread = np.isnan(train.labels).all(axis=1)
    assert np.array_equal(train.image_id, full["train"].image_id)  # the images stay
    assert np.array_equal(train.labels[~unread], whole["train"][~unread])
    assert np.isnan(train.labels[unread]).all()
    assert 0.3 * len(unread) <= (~unread).sum() <= 0.3 * len(unread) + 3
    for split in ("dev", "test"):
        assert np.array_equal(prepared.read("data/prepared.h5", split).labels, whole[split])
    assert metrics()["images"]["train"]["unknown"]["Edema"] == unread.sum()
    told = split_of().loc[train.image_id[unread], LABELS]
    assert (told == "").all(axis=None)


def test_a_label_that_one_of_two_sources_has_alone_is_warned_of_in_one_line(study, capsys):
    folder = Path("data/raw/mine")
    listed(fill(folder / "a", name="{}.png"), "a/list.csv")
    rows = [row | {"image": f"b{n}.png", "Fracture": 0} for n, row in enumerate(fill(folder / "b", 30, name="b{}.png"))]
    for n in range(30):
        Image.fromarray(film(500 + n)).save(folder / "b" / f"b{n}.png")
    listed(rows, "b/list.csv")
    study(CSV | {"folder": "a"}, CSV | {"folder": "b"})
    assert metrics()["from_one_source"] == {"Fracture": "a"}
    warnings = [line for line in capsys.readouterr().out.splitlines() if " alone" in line]
    assert len(warnings) == 1 and "warning: 'Fracture' from a alone" in warnings[0]
    table = metrics()["sources"]
    assert set(table) == {"a", "b"}
    assert sum(table["b"][split]["all"] for split in prepared.SPLITS) == 30


def test_there_is_a_contact_sheet_of_every_split_with_a_row_for_each_label(study):
    listed(fill(Path("data/raw/mine")))
    study()
    heights = set()
    for split in prepared.SPLITS:
        with Image.open(f"plots/prepare/{split}.png") as sheet:
            heights.add(sheet.height)
            assert np.asarray(sheet.convert("L")).std() > 20
    assert heights == {326}  # three rows of 92 pixels: two labels, none of them; and the title


def test_the_same_data_gives_the_same_bytes(study):
    listed(fill(Path("data/raw/mine")))
    written = []
    for _ in range(2):
        study(balance={"ratios": {"Edema": 2.0}})
        files = ["metrics/prepare.json", "plots/prepare/train.png", *map(str, Path("data").glob("*.*"))]
        written.append({name: Path(name).read_bytes() for name in files})
    assert len(written[0]) == 7 and written[0] == written[1]


def test_a_split_without_images_and_a_label_without_positives_are_refused_by_name():
    table = pd.DataFrame({"split": ["train", "dev", "test"], "Edema": [1.0, 0.0, 1.0], "Fracture": [0.0, 1.0, 1.0]})
    table = pd.concat([table, pd.DataFrame({"split": ["train"], "Edema": [0.0], "Fracture": [0.0]})])
    data = SimpleNamespace(labels=["Edema"], dev=0.1, test=0.2)
    prepare.refuse_empty(table, data)
    with pytest.raises(BadInput, match="dev: no image of 3"):
        prepare.refuse_empty(table[table["split"] != "dev"], data)
    with pytest.raises(BadInput, match="no train image is known to be without 'Edema'"):
        prepare.refuse_empty(table.assign(Edema=[1.0, 0.0, 1.0, np.nan]), data)
    with pytest.raises(BadInput, match="no train image has 'Fracture'"):
        prepare.refuse_empty(table, SimpleNamespace(**vars(data) | {"labels": ["Edema", "Fracture"]}))


def test_every_line_of_bad_input_is_one_line(study):
    rows = fill(Path("data/raw/mine"), 4)
    for change, told in [
        ({"image": "../secret.png"}, r"list.csv, row 2: image is '../secret.png', expected a path that stays below"),
        ({"Edema": "maybe"}, r"list.csv, row 2: Edema is 'maybe', expected 1, 0 or blank"),
        ({"image": "1.png"}, r"list.csv, row 3: image is '1.png', expected each image once"),
    ]:
        listed([rows[0] | change, *rows[1:]])
        with pytest.raises(BadInput) as caught:
            study()
        assert re.search(told, str(caught.value)) and "\n" not in str(caught.value)
