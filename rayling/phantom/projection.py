"""How one X-ray of the phantom is taken: from body coordinates to pixels, and from attenuation to grey values.

Body coordinates: x runs from -1 (image left, the patient's right) to 1, y from -1 (neck) to 1 (abdomen). A `View` maps
the pixels of an image to them. A field is a float32 array (S, S), one value per pixel; S is the size of the image.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class View:
    """How one image was taken. The defaults are a centred, well exposed PA image."""

    ap: bool = False
    angle: float = 0.0  # in the image plane, radians
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.15
    rotation: float = 0.0  # about the long axis, -1.5..1.5: front and back move apart
    expiration: float = 0.0  # how far too high the diaphragm stands
    dose: float = 3000.0  # photons per pixel through air, at 128 pixels
    midgrey: float = 1.05  # attenuation that becomes mid-grey
    gamma: float = 2.1  # slope of the characteristic curve there


def body_coordinates(size: int, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return the body coordinates x and y of every pixel, both float32 (size, size)."""
    steps = ((np.arange(size, dtype=np.float32) + 0.5) / size) * 2 - 1
    across, down = np.meshgrid(steps, steps)
    cos, sin = np.float32(np.cos(view.angle) / view.zoom), np.float32(np.sin(view.angle) / view.zoom)
    return cos * across + sin * down - np.float32(view.shift[0]), cos * down - sin * across - np.float32(view.shift[1])


def smooth_step(distance, width):
    """Return a smooth step from 0 to 1, `width` wide, where `distance` passes zero."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def gaussian(z):
    """Return a bell of height 1 at zero; at ±1 it is 0.37."""
    return np.exp(-z * z)


def smooth_noise(rng, size: int, cells: int) -> np.ndarray:
    """Return noise with `cells` bumps per side, float32 (size, size), mean about 0, standard deviation about 1."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)) * 1.5


def draw_lines(lines, size: int, view: View, blur: float = 0.5) -> np.ndarray:
    """Draw `lines` as a field (size, size), 0..1.

    Each line is a tuple of points (n, 2) and width, both in body coordinates, and a value 0..1. Later lines cover
    earlier ones. `blur` is the standard deviation of the blur in pixels of an image of 128 pixels.
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
    """Turn attenuation (S, S), 0 for none, into an X-ray, uint8 (S, S): blur, scatter, photon noise, development."""
    size = len(attenuation)
    beam = gaussian_filter(np.exp(-attenuation), 0.0028 * size)
    beam = 0.94 * beam + 0.06 * beam.mean()
    grain = gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 0.45)
    beam = beam + 1.0 * grain * np.sqrt(beam / view.dose * (size / 128))
    grey = 1 / (1 + np.exp(-view.gamma * (-np.log(np.maximum(beam, 0.01)) - view.midgrey)))
    return np.clip(grey * 255, 0, 255).astype(np.uint8)


def generator(*key: int) -> np.random.Generator:
    """Return a random generator that depends on `key` alone, in whichever process and order it is made."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def random_side(rng) -> int:
    """Return -1 for the patient's right lung (left in the image) or 1 for the left one, equally often."""
    return 1 if rng.random() < 0.5 else -1
