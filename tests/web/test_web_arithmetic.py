"""Functions of the page, run in Node, against Pillow, numpy and slow references."""

import base64
import json
import subprocess

import numpy as np
import pytest
from PIL import Image

from rayling.images import reading
from rayling.predict import unfamiliar
from tests.browser import NODE
from tests.tiny import LONG, ROOT
from tests.web.reference import slow_pixel_map, slow_windows

pytestmark = pytest.mark.skipif(NODE is None, reason="no node")
CASES = 3000 if LONG else 300


def calls(*requests):
    """The results of the page's functions, each called as [module, function, arguments ...]."""
    text = json.dumps(requests, default=lambda array: {"bytes": base64.b64encode(array.tobytes()).decode()})
    done = subprocess.run([NODE, ROOT / "tests/web/call.mjs"], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def array(answer, shape):
    return np.frombuffer(base64.b64decode(answer["bytes"]), np.uint8).reshape(shape)


def random_image(generator, longest=400):
    """Noise, or black and white alone, of any shape; many are narrow, many tall."""
    height, width = np.exp(generator.uniform(0, np.log(longest), 2)).astype(int)
    kind = generator.integers(3)
    return generator.choice(np.uint8([0, 255]), (height, width)) if kind == 0 else noise(generator, height, width)


def noise(generator, height, width):
    return generator.integers(0, 256, (height, width)).astype(np.uint8)


def as_grey(pixels):
    return {"width": pixels.shape[1], "height": pixels.shape[0], "data": np.ascontiguousarray(pixels)}


def test_resize_equals_pillow_to_the_bit():
    generator = np.random.default_rng(0)
    images = [random_image(generator) for _ in range(CASES)]
    sizes = [np.exp(generator.uniform(0, np.log(250), 2)).astype(int).tolist() for _ in images]
    answers = calls(*(["resize", "resize", as_grey(image), *size] for image, size in zip(images, sizes, strict=True)))
    for image, size, answer in zip(images, sizes, answers, strict=True):
        expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        assert np.array_equal(array(answer["data"], size[::-1]), expected), (image.shape, size)


@pytest.mark.parametrize("keep_aspect", [True, False])
def test_square_equals_prepare_to_the_bit(keep_aspect):
    generator = np.random.default_rng(1)
    images = [random_image(generator) for _ in range(CASES)] + [
        noise(generator, *shape) for shape in ((1, 300), (300, 1), (64, 64))
    ]
    sizes = generator.integers(1, 250, len(images)).tolist()
    requests = (
        ["square", "square", as_grey(image), size, keep_aspect] for image, size in zip(images, sizes, strict=True)
    )
    for image, size, answer in zip(images, sizes, calls(*requests), strict=True):
        expected = reading.square(Image.fromarray(image), size=size, keep_aspect=keep_aspect)
        assert np.array_equal(array(answer, (size, size)), expected), (image.shape, size)


def test_the_test_above_covers_both_orders_of_resizing():
    """The order that Pillow takes decides how halves are rounded."""
    generator, differing = np.random.default_rng(2), set()
    for _ in range(200):
        image = Image.fromarray(random_image(generator))
        size = tuple(np.exp(generator.uniform(0, np.log(250), 2)).astype(int).tolist())
        once = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        for first in ((size[0], image.height), (image.width, size[1])):
            twice = image.resize(first, Image.Resampling.BILINEAR).resize(size, Image.Resampling.BILINEAR)
            if not np.array_equal(once, np.asarray(twice)):
                differing.add(first == (image.width, size[1]))
    assert differing == {True, False}


def test_halves_are_rounded_to_even():
    values = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 10.5, 11.5, 3.2, 3.8, -3.2]
    assert calls(*(["rounding", "roundHalfEven", value] for value in values)) == [round(value) for value in values]


@pytest.mark.parametrize("size", [1, 3, 16, 33, 63, 64])
def test_windows_and_map_equal_a_slow_reference(size):
    generator = np.random.default_rng(size)
    drops, pixels = generator.normal(size=144), noise(generator, size, size)
    side, corners = slow_windows(size)
    requests = [["occlusion", "occluded", pixels, size, {"left": left, "top": top}, side, 147] for top, left in corners]
    windows, pixel_map, *occluded = calls(
        ["occlusion", "windows", size], ["occlusion", "pixelMap", drops.tolist(), size], *requests
    )
    assert (windows["side"], [(corner["top"], corner["left"]) for corner in windows["corners"]]) == (side, corners)
    assert np.allclose(np.reshape(pixel_map, (size, size)), slow_pixel_map(drops, size), atol=1e-12)
    for (top, left), answer in zip(corners, occluded, strict=True):
        expected = pixels.copy()
        expected[top : top + side, left : left + side] = 147
        assert np.array_equal(array(answer, (size, size)), expected)


def test_log_odds_stay_finite():
    got = calls(*(["occlusion", "logOdds", p] for p in (0, 1e-9, 0.2, 1 - 1e-9, 1)))
    assert np.allclose(got, [np.log(1e-6 / (1 - 1e-6))] * 2 + [np.log(0.25)] + [np.log((1 - 1e-6) / 1e-6)] * 2)


@pytest.mark.parametrize(
    ("probabilities", "order"), [([0.2, 0.4, 0.4], ["b", "c", "a"]), ([0.3, 0.1, 0.6], ["c", "a", "b"])]
)
def test_of_exclusive_findings_the_first_of_the_most_probable_is_the_answer(probabilities, order):
    facts = {"labels": ["a", "b", "c"], "exclusive": True, "threshold": {"a": None, "b": None, "c": None}}
    (findings,) = calls(["ranking", "ranked", facts, probabilities])
    assert [(finding["label"], finding["present"]) for finding in findings] == [
        (label, label == order[0]) for label in order
    ]
    texts = calls(["text", "summary", findings, "x.png"], *(["text", "decision", finding] for finding in findings))
    assert texts == [
        f"x.png – most probable: {order[0]} {max(probabilities) * 100:.1f}\u00a0%.",
        "most probable",
        "",
        "",
    ]


HEADERS = [None, ["", "", ""], ["DX", "CHEST", "PA"], ["cr", "Port Chest", "AP"], ["CT", "", ""], ["MR", "HAND", "ll"]]
HEADERS += [["DX", "Thorax, p.a.", "LATERAL"], ["OT", "RIBS", "L"], ["DX", "SKULL", "AP"]]


@pytest.mark.parametrize("distance", [0.3, 1.0, 1.25, 17.0])
@pytest.mark.parametrize("size", [(300, 100), (301, 100), (40, 4000), (7, 7)])
def test_the_page_and_predict_give_the_same_reasons_for_no_answer(monkeypatch, size, distance):
    image = {"width": size[0], "height": size[1]}
    found = calls(*(["unfamiliar", "reasons", image, header, distance] for header in HEADERS))
    for header, reasons in zip(HEADERS, found, strict=True):
        monkeypatch.setattr(unfamiliar, "is_dicom", lambda _, header=header: header is not None)
        monkeypatch.setattr(unfamiliar, "header", lambda _, header=header: header)
        assert unfamiliar.reasons("film", Image.new("L", size), distance) == reasons
