"""Exported networks of random weights, and labelled films in a CSV."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rayling.export import int8, onnx_file
from rayling.export.out_of_distribution import OutOfDistribution
from rayling.predict.model import OnnxModel
from tests.predict.conftest import write_model

COUNT = 60  # films, two of each patient


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """student.onnx, student.int8.onnx, exclusive.onnx, films.csv with a column for each label, classes.csv with one."""
    folder, rng = tmp_path_factory.mktemp("site"), np.random.default_rng(1)
    pixels = (60 + 120 * rng.random((COUNT, 32, 32)) * rng.random((COUNT, 1, 1))).astype(np.uint8)
    (folder / "films").mkdir()
    for number, film in enumerate(pixels):
        Image.fromarray(film).save(folder / f"films/{number}.png")
    for name in ("student", "exclusive"):
        write_model(folder / f"{name}.onnx", name, [], OutOfDistribution(32).fit(pixels[:30], pixels[30:]))
    small = folder / "student.int8.onnx"
    onnx_file.save(small, int8.quantise(folder / "student.onnx", pixels), OnnxModel(folder / "student.onnx").facts)
    about = {"image": [f"films/{n}.png" for n in range(COUNT)], "patient": [f"p{n // 2}" for n in range(COUNT)]}
    labels = {"left, the": (rng.random(COUNT) < 0.2).astype(int), "naïve": (rng.random(COUNT) < 0.5).astype(int)}
    pd.DataFrame(about | labels).to_csv(folder / "films.csv", index=False)
    classes = rng.choice(["left, the", "naïve", "third", "fourth"], COUNT, p=[0.1, 0.6, 0.2, 0.1])
    pd.DataFrame(about | {"label": classes}).to_csv(folder / "classes.csv", index=False)
    return folder
