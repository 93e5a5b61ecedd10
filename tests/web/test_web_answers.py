"""The page in a real browser reads every format as Python does, and its answers and maps are Python's."""

import base64
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from rayling.common.errors import BadInput
from rayling.export import int8, onnx_file
from rayling.images import reading
from rayling.predict import explanation
from rayling.predict.answers import answer, network_input
from rayling.predict.model import OnnxModel
from tests.browser import ANSWERED, missing
from tests.tiny import LONG, ROOT
from tests.web.images import BROKEN, FILES, save, xray
from tests.web.reference import LABELS, agrees, slow_pixel_map, slow_windows

pytestmark = [pytest.mark.web, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

REAL = ROOT.parent / "shared/data"

SQUARE = """async ({base64, size, keepAspect}) => {
  const [{ readImage }, { square }] = await Promise.all([import("/read-image.js"), import("/square.js")]);
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return [...square(await readImage(new File([bytes], "image")), size, keepAspect)];
}"""


@pytest.mark.parametrize("name", FILES)
def test_pixels_equal_those_of_prepare_to_the_bit(opened, model, tmp_path, name):
    path = FILES[name](tmp_path / "image")
    expected = network_input(model, reading.grey(path))
    content = base64.b64encode(path.read_bytes()).decode()
    asked = {"base64": content, "size": model.size, "keepAspect": model.facts["keep_aspect"]}
    assert np.array_equal(np.reshape(opened("evaluate", SQUARE, asked), expected.shape), expected)


def test_answers_equal_those_of_python(opened, model, tmp_path):
    seen = []
    for number, (name, write) in enumerate(FILES.items()):
        path = write(tmp_path / f"{number}")
        seen.append(agrees(opened.read(path, until=ANSWERED), model, path))
        assert f"{path.name} – " in opened.shown()["status"], name
    probabilities = np.array([answer.probabilities for answer in seen])
    assert (np.ptp(probabilities, 0) > 0.05).all()  # else any answer would do
    assert {answer.distance > 1 for answer in seen} == {True, False}
    assert 0 < np.mean([answer.present for answer in seen]) < 1


SHIPPED = Path(pydicom.__file__).parent / "data"
READ = """async ({base64, size, keepAspect}) => {
  const [{ readImage }, { square }] = await Promise.all([import("/read-image.js"), import("/square.js")]);
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  try {
    return [...square(await readImage(new File([bytes], "image")), size, keepAspect)];
  } catch (error) {
    return error.message;
  }
}"""
IMPLICIT = "SC_rgb_jpeg.dcm"  # in implicit VR, although its transfer syntax is explicit: pydicom guesses


def test_every_file_that_pydicom_ships_is_read_alike_or_refused(opened, model):
    alike = []
    for path in sorted(file for file in SHIPPED.rglob("*") if file.suffix in ("", ".dcm") and file.is_file()):
        content = base64.b64encode(path.read_bytes()).decode()
        asked = {"base64": content, "size": model.size, "keepAspect": model.facts["keep_aspect"]}
        found = opened("evaluate", READ, asked)
        try:
            expected = network_input(model, reading.grey(path))
        except BadInput as error:
            assert isinstance(found, str), (path, str(error))
            continue
        if isinstance(found, str):  # colour, a JPEG of 12 bits, 1 bit
            assert "this page" in found or path.name == IMPLICIT, (path, found)
        else:
            alike.append(np.array_equal(np.reshape(found, expected.shape), expected))
    assert len(alike) > 40 and all(alike)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no {REAL}")
def test_answers_for_real_images_equal_those_of_python(opened, model):
    folders = defaultdict(list)
    for path in sorted(REAL.rglob("*")):
        if path.suffix in (".png", ".jpg", ".jpeg"):
            folders[path.parent].append(path)
    images = [path for paths in folders.values() for path in paths[:: max(1, len(paths) // (40 if LONG else 4))]]
    assert images
    for path in images:
        agrees(opened.read(path, until=ANSWERED), model, path)


def slow_map(model, pixels):
    """The drop of each label's log-odds, averaged over the windows that cover a pixel: (K, H, H)."""
    whole, drops, (side, corners) = log_odds(model, pixels), [], slow_windows(model.size)
    for top, left in corners:
        hidden = pixels.copy()
        hidden[top : top + side, left : left + side] = round(model.facts["mean"] * 255)
        drops.append(whole - log_odds(model, hidden))
    return np.stack([slow_pixel_map(of_label, model.size) for of_label in np.transpose(drops)])


def log_odds(model, pixels):
    probabilities = model.run(pixels[None])[0][0].astype(float).clip(1e-6, 1 - 1e-6)
    return np.log(probabilities / (1 - probabilities))


OPACITY = """() => {
  const map = document.getElementById("map");
  const colours = map.getContext("2d").getImageData(0, 0, map.width, map.height).data;
  return [...colours].filter((_, n) => n % 4 === 3);
}"""
CHOOSE = (
    """(label) => [...document.querySelectorAll(".finding input")].find((radio) => radio.value === label).click()"""
)


def test_the_map_equals_that_of_python_and_of_a_slow_reference(opened, model, tmp_path):
    path = save(tmp_path / "image.png", xray(seed=5))
    opened.read(path)
    pixels = network_input(model, reading.grey(path))
    maps = slow_map(model, pixels)
    _, python_maps = explanation.occlusion_maps(model, pixels)
    assert np.allclose(python_maps, maps, atol=1e-4)  # both round float32, at different places
    for label, values in zip(model.labels, maps, strict=True):
        opened("evaluate", CHOOSE, label)
        opacity = np.reshape(opened("evaluate", OPACITY), values.shape)
        expected = 0.8 * 255 * values.clip(0) / values.max()
        assert np.abs(opacity - expected).max() < 1
        assert label in opened.shown()["caption"]
        strongest = opened("evaluate", "() => document.getElementById('largest').textContent")
        assert strongest == f"−{values.max():.2f} log-odds"


def test_the_most_probable_present_finding_is_explained_first(opened, model, tmp_path):
    chosen, most_probable = set(), set()
    for seed in range(12):
        path = save(tmp_path / f"{seed}.png", xray(seed=seed))
        shown, found = opened.read(path), answer(model, path)
        candidates = np.flatnonzero(found.present) if found.present.any() else np.arange(len(LABELS))
        expected = LABELS[max(candidates, key=found.probabilities.__getitem__)]
        assert shown["chosen"] == expected and shown["caption"].startswith(f"Why {expected}?")
        chosen.add(expected)
        most_probable.add(expected == LABELS[found.probabilities.argmax()])
    assert len(chosen) > 1 and most_probable == ({True} if model.exclusive else {True, False})


@pytest.mark.parametrize("name", BROKEN)
def test_an_unreadable_file_shows_one_message_and_no_result(opened, tmp_path, name):
    assert opened.read(save(tmp_path / "whole.png", xray()))["probabilities"]
    write, reason = BROKEN[name]
    path = write(tmp_path / "image")
    shown = opened.read(path)
    assert shown["error"].startswith(f"“{path.name}” ") and reason in shown["error"] and len(shown["error"]) < 200
    assert (shown["probabilities"], shown["status"], shown["caption"], shown["warning"]) == ({}, "", "", "")
    recovered = opened.read(tmp_path / "whole.png")
    assert recovered["error"] == "" and recovered["probabilities"]


def test_answers_of_the_8_bit_model_equal_those_of_python(browser, model, tmp_path):
    small, kept = tmp_path / "small.onnx", tmp_path / "kept.onnx"
    shutil.copy(model.site / "model.onnx", kept)
    noise = np.random.default_rng(0).integers(0, 256, (64, model.size, model.size), np.uint8)
    onnx_file.save(small, int8.quantise(kept, noise), model.facts)
    shutil.copy(small, model.site / "model.onnx")
    try:
        browser.open(model.address)
        path = save(tmp_path / "image.png", xray(seed=1))
        agrees(browser.read(path), OnnxModel(small), path)
    finally:
        shutil.copy(kept, model.site / "model.onnx")
