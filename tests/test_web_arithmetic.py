"""What the page computes, function by function in Node, against Pillow, numpy and slow references."""

import base64
import json
import math
import subprocess

import numpy as np
import onnx
import pytest
from PIL import Image

from distill import images
from tests.browser import NODE
from tests.tiny import LONG, ROOT

pytestmark = pytest.mark.skipif(NODE is None, reason="no node")
CASES = 3000 if LONG else 300


def calls(*requests):
    """What the page's functions return, each of [module, function, arguments ...]."""
    text = json.dumps(requests, default=lambda array: {"bytes": base64.b64encode(array.tobytes()).decode()})
    done = subprocess.run([NODE, ROOT / "tests/web/call.mjs"], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def array(answer, shape):
    return np.frombuffer(base64.b64decode(answer["bytes"]), np.uint8).reshape(shape)


def film(generator, longest=400):
    """Noise, or black and white alone, of any shape; many are narrow, many tall."""
    height, width = np.exp(generator.uniform(0, np.log(longest), 2)).astype(int)
    kind = generator.integers(3)
    return generator.choice(np.uint8([0, 255]), (height, width)) if kind == 0 else noise(generator, height, width)


def noise(generator, height, width):
    return generator.integers(0, 256, (height, width)).astype(np.uint8)


def as_grey(pixels):
    return {"width": pixels.shape[1], "height": pixels.shape[0], "data": np.ascontiguousarray(pixels)}


def test_resize_is_pillows_to_the_bit():
    generator = np.random.default_rng(0)
    films = [film(generator) for _ in range(CASES)]
    sizes = [np.exp(generator.uniform(0, np.log(250), 2)).astype(int).tolist() for _ in films]
    answers = calls(*(["resize", "resize", as_grey(film), *size] for film, size in zip(films, sizes, strict=True)))
    for film_, size, answer in zip(films, sizes, answers, strict=True):
        expected = np.asarray(Image.fromarray(film_).resize(size, Image.Resampling.BILINEAR))
        assert np.array_equal(array(answer["data"], size[::-1]), expected), (film_.shape, size)


@pytest.mark.parametrize("keep_aspect", [True, False])
def test_square_is_prepares_to_the_bit(keep_aspect):
    generator = np.random.default_rng(1)
    films = [film(generator) for _ in range(CASES)] + [
        noise(generator, *shape) for shape in ((1, 300), (300, 1), (64, 64))
    ]
    sizes = generator.integers(1, 250, len(films)).tolist()
    requests = (["square", "square", as_grey(film), size, keep_aspect] for film, size in zip(films, sizes, strict=True))
    for film_, size, answer in zip(films, sizes, calls(*requests), strict=True):
        expected = images.square(Image.fromarray(film_), size=size, keep_aspect=keep_aspect)
        assert np.array_equal(array(answer, (size, size)), expected), (film_.shape, size)


def test_both_orders_of_resizing_are_met():
    """Which order Pillow takes decides how halves are rounded: the test above must see both."""
    generator, differing = np.random.default_rng(2), set()
    for _ in range(200):
        image = Image.fromarray(film(generator))
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


def slow_windows(size):
    """The definition, written down once more: 12 positions each way of a sixth of the side, halves rounded up."""
    side = max(1, math.floor(size / 6 + 0.5))
    starts = [math.floor(place * (size - side) / 11 + 0.5) for place in range(12)]
    return side, [(top, left) for top in starts for left in starts]


def slow_spread(falls, size):
    """(144,) -> (H, H), pixel by pixel."""
    side, corners = slow_windows(size)
    out = np.empty((size, size))
    for y in range(size):
        for x in range(size):
            covering = [
                fall
                for fall, (top, left) in zip(falls, corners, strict=True)
                if top <= y < top + side and left <= x < left + side
            ]
            out[y, x] = np.mean(covering)
    return out


@pytest.mark.parametrize("size", [1, 3, 16, 33, 63, 64])
def test_the_map_is_that_of_a_slow_reference(size):
    generator = np.random.default_rng(size)
    falls, pixels = generator.normal(size=144), noise(generator, size, size)
    side, corners = slow_windows(size)
    requests = [["occlusion", "hidden", pixels, size, {"left": left, "top": top}, side, 147] for top, left in corners]
    windows, spread, *hidden = calls(
        ["occlusion", "windows", size], ["occlusion", "spread", falls.tolist(), size], *requests
    )
    assert (windows["side"], [(corner["top"], corner["left"]) for corner in windows["corners"]]) == (side, corners)
    assert np.allclose(np.reshape(spread, (size, size)), slow_spread(falls, size), atol=1e-12)
    for (top, left), answer in zip(corners, hidden, strict=True):
        expected = pixels.copy()
        expected[top : top + side, left : left + side] = 147
        assert np.array_equal(array(answer, (size, size)), expected)


def test_log_odds_stay_finite():
    got = calls(*(["occlusion", "logOdds", p] for p in (0, 1e-9, 0.2, 1 - 1e-9, 1)))
    assert np.allclose(got, [np.log(1e-6 / (1 - 1e-6))] * 2 + [np.log(0.25)] + [np.log((1 - 1e-6) / 1e-6)] * 2)


FACTS = {
    "labels": ["a", "β"],
    "size": 32,
    "keep_aspect": False,
    "mean": 0.5,
    "threshold": {"a": 0.5, "β": 0.25},
    "notice": "No.",
}


def model(facts):
    """An ONNX file with this metadata and a weight of some kilobytes, whose length takes two bytes to say."""
    weight = onnx.numpy_helper.from_array(np.zeros(5000, np.float32), "weight")
    made = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [], [weight]))
    onnx.helper.set_model_props(made, {key: json.dumps(fact, ensure_ascii=False) for key, fact in facts.items()})
    return np.frombuffer(made.SerializeToString(), np.uint8)


def test_facts_are_read_from_the_model_itself():
    assert calls(["facts", "factsOf", model(FACTS)]) == [FACTS]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (np.zeros(0, np.uint8), "no labels, size"),
        (model(FACTS)[:-3], "no whole ONNX file"),
        (np.frombuffer(b"version https://git-lfs", np.uint8), "no whole ONNX file"),
        (model({key: fact for key, fact in FACTS.items() if key != "mean"}), "no mean in its metadata"),
        (model(FACTS | {"size": "32"}), "no size in its metadata"),
        (model(FACTS | {"threshold": {"a": 0.5}}), "no threshold for β"),
    ],
)
def test_another_model_is_refused_with_a_reason(content, reason):
    (answer,) = calls(["facts", "factsOf", content])
    assert reason in answer["error"]
