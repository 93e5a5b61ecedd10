"""A small study of one's own in the current folder, for tests of `prepare`."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from rayling.storage import prepared
from stages import prepare

ROOT = Path(__file__).parents[2]
RAW = Path("data/raw/mine")
LABELS = ["Edema", "Fracture"]
CSV = {"reader": "plain_csv", "folder": ".", "file": "list.csv"}


def run_prepare(*sources, **settings):
    """Run the stage on data/raw/mine, with the settings of `write_params`."""
    write_params(*sources, **settings)
    prepare.main()


def write_params(*sources, external=(), balance=None, teacher=32, assistant=32, **changed):
    """Describe data/raw/mine; `teacher` and `assistant` are sizes, `changed` are settings below `data`."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings = {"labels": LABELS, "size": 32, "dev": 0.25, "test": 0.25, "max_unreadable": 0.0} | changed
    block = content["studies"]["phantom"]
    block["data"] |= {"sources": list(sources or [CSV])} | settings
    block["teacher"]["size"], block["assistant"]["size"] = teacher, assistant
    block["external"] = list(external)
    block["balance"] = {"counts": {}, "ratios": {}} | (balance or {})
    Path("params.yaml").write_text(yaml.safe_dump(content | {"study": "mine", "studies": {"mine": block}}))


def xray(seed):
    """Random pixels, uint8 (64, 64), that are like an X-ray: the finer a structure, the fainter."""
    rng, total = np.random.default_rng(seed), np.zeros((64, 64))
    for cells in (2, 4, 8, 16, 32):
        noise = Image.fromarray(rng.normal(0, 80 / cells**0.5, (cells, cells)).astype(np.float32))
        total += np.asarray(noise.resize((64, 64), Image.Resampling.BICUBIC))
    return (total + 128).clip(0, 255).astype(np.uint8)


def fill(folder, count=40, *, name="{}.png"):
    """Write `count` images; return the rows of their table, each a patient of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(count):
        Image.fromarray(xray(n)).save(folder / name.format(n))
        rows.append({"image": name.format(n), "patient": f"p{n}", "Edema": n % 2, "Fracture": int(n % 3 == 0)})
    return rows


def write_list(rows, file="list.csv"):
    """Write the table below data/raw/mine."""
    pd.DataFrame(rows).to_csv(RAW / file, index=False)


def metrics():
    """The counts that `prepare` has written."""
    return json.loads(Path("metrics/prepare.json").read_text(encoding="utf-8"))


def split_table():
    """data/split.csv by image."""
    return pd.read_csv("data/split.csv", keep_default_na=False).set_index("image")


def packed_images(split):
    """The pixels in data/prepared.h5 by image."""
    part = prepared.read("data/prepared.h5", split)
    return dict(zip(part.image_id.tolist(), np.asarray(part.images), strict=True))
