"""The film of the phantom: how one picture is taken, the brushes that draw on it, and its exposure.

Body coordinates: x runs from -1 (image left, the patient's right) to 1, y from -1 (neck) to 1 (abdomen).
A view maps the picture's pixels to them. A field is an array (S, S) of float32; S is the picture's size in pixels.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class View:
    """How one picture was taken; the defaults are a centred, well exposed PA film."""

    ap: bool = False
    angle: float = 0.0  # radians in the plane
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.15
    turn: float = 0.0  # -1.5..1.5, rotation about the long axis: front and back move apart
    breath: float = 0.0  # how far the diaphragm stands too high
    dose: float = 3000.0  # photons a pixel through air, at 128 pixels
    midgrey: float = 1.05  # attenuation that becomes mid-grey
    gamma: float = 2.1  # slope of the film there


def grid(size: int, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The body coordinates of every pixel: x and y, both (size, size) float32."""
    steps = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    across, down = np.meshgrid(steps, steps)
    cos, sin = np.float32(np.cos(view.angle) / view.zoom), np.float32(np.sin(view.angle) / view.zoom)
    return cos * across + sin * down - np.float32(view.shift[0]), cos * down - sin * across - np.float32(view.shift[1])


def soft(distance, width):
    """A smooth step from 0 to 1, `width` wide, where `distance` passes zero."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def bump(z):
    """A bell of height 1 at zero; at ±1 it has fallen to 0.37."""
    return np.exp(-z * z)


def clouds(rng, size: int, cells: int) -> np.ndarray:
    """Smooth noise, (size, size) float32, mean about 0 and deviation about 1, with `cells` bumps along a side."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)) * 1.5


def strokes(lines, size: int, view: View, blur: float = 0.5) -> np.ndarray:
    """Draw `lines` as a field (size, size) of 0..1.

    Each line is (points (n, 2) in body coordinates, width there, value 0..1), later ones over earlier ones; `blur` is
    the deviation of the blur in pixels of a film of 128.
    """
    canvas = Image.new("L", (2 * size, 2 * size))
    pen = ImageDraw.Draw(canvas)
    cos, sin = np.cos(view.angle) * view.zoom, np.sin(view.angle) * view.zoom
    points = (np.concatenate([line[0] for line in lines]) + view.shift) @ np.array([[cos, sin], [-sin, cos]])
    pixels, start = ((points + 1) * size).ravel().tolist(), 0
    for corners, width, value in lines:
        end = start + 2 * len(corners)
        pen.line(pixels[start:end], fill=int(255 * value), width=max(1, round(width * size)))
        start = end
    return gaussian_filter(np.asarray(canvas.reduce(2), dtype=np.float32) / 255, blur * size / 128)


def expose(attenuation: np.ndarray, view: View, rng) -> np.ndarray:
    """Turn attenuation (S, S), 0 for none, into a film, (S, S) uint8: blur, scatter, count photons, develop."""
    size = len(attenuation)
    beam = gaussian_filter(np.exp(-attenuation), 0.0028 * size)
    beam = 0.94 * beam + 0.06 * beam.mean()
    grain = gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 0.45)
    beam = beam + 1.0 * grain * np.sqrt(beam / view.dose * (size / 128))
    film = 1 / (1 + np.exp(-view.gamma * (-np.log(np.maximum(beam, 0.01)) - view.midgrey)))
    return np.clip(film * 255, 0, 255).astype(np.uint8)
