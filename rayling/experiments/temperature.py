"""What the temperature does to the soft loss, without training: `python -m rayling.experiments.temperature`.

Prints how far the gradient is from its limit for large temperatures, and draws docs/pictures/temperature.png. All of it
comes from our own loss by autograd. B images, K labels.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rayling.common import plotting
from rayling.common.errors import run_command
from rayling.distillation.losses import soft_bce

PICTURE = Path("docs/pictures/temperature.png")
TEMPERATURES = (1, 2, 3, 5, 10, 20, 30)
DRAWN = {1: "#D55E00", 2: "#E69F00", 3: "#56B4E9", 5: "#0072B2", 20: "#000000"}  # temperature: colour
TEACHER = 3.0  # its logit in the picture: a probability of 0.95
LABELS = 9  # as many as the default study has


def main() -> None:
    """Print the table of distances to the limit, and draw the picture."""
    print(table(), end="")
    plotting.save_figure(figure(), PICTURE, colours=64)


def gradient(student: torch.Tensor, teacher: torch.Tensor, *, temperature: int, softening: str) -> torch.Tensor:
    """The gradient (B, K) of the soft loss, summed over the labels of all images, by the student's logits (B, K)."""
    student = student.clone().requires_grad_()
    soft_bce(student=student, teacher=teacher, temperature=temperature, softening=softening).backward()
    return student.grad * student.numel()  # the loss is a mean


def limit(student: torch.Tensor, teacher: torch.Tensor, *, softening: str) -> torch.Tensor:
    """What `gradient` tends to as the temperature grows: logits (B, K) -> (B, K); derived in docs/method.md."""
    gap = student - teacher
    if softening == "sigmoid":
        return gap / 4
    return (gap - gap.mean(1, keepdim=True)) / (gap.shape[1] - 1)


def distance(temperature: int, *, softening: str, deviation: float = 1.0) -> float:
    """|gradient - limit| / |limit| over 2,000 images with normal logits of this standard deviation."""
    student, teacher = deviation * random_logits()
    expected = limit(student, teacher, softening=softening)
    found = gradient(student, teacher, temperature=temperature, softening=softening)
    return ((found - expected).norm() / expected.norm()).item()


def random_logits() -> torch.Tensor:
    """Independent standard normal logits of a student and a teacher, (2, 2000, 9), always the same."""
    return torch.from_numpy(np.random.default_rng(0).standard_normal((2, 2000, LABELS)))


def table() -> str:
    """The distances to the limit for both softenings, as Markdown."""
    lines = ["| T | sigmoid | softmax over 9 labels |", "|---|---|---|"]
    for temperature in TEMPERATURES:
        sigmoid, softmax = (distance(temperature, softening=name) for name in ("sigmoid", "softmax"))
        lines.append(f"| {temperature} | {100 * sigmoid:.2g} % | {100 * softmax:.2g} % |")
    return "\n".join(lines) + "\n"


def figure() -> Figure:
    """The gradient against the gap of the logits, and its size with and without T² against T."""
    drawn = Figure(figsize=(5.2, 7.2), dpi=150, layout="constrained")  # readable at half its 780 pixels
    gradients, sizes = drawn.subplots(2, 1)
    _draw_gradients(gradients)
    _draw_sizes(sizes)
    for axes in drawn.axes:
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=11)
        axes.tick_params(labelsize=11)
    return drawn


def _draw_gradients(axes: Axes) -> None:
    gap = torch.linspace(-8, 8, 161, dtype=torch.float64)[:, None]
    student, teacher = TEACHER + gap, torch.full_like(gap, TEACHER)
    for temperature, colour in DRAWN.items():
        slope = gradient(student, teacher, temperature=temperature, softening="sigmoid")
        axes.plot(gap, slope, color=colour, linewidth=2, label=f"T = {temperature}")
    axes.plot(gap, limit(student, teacher, softening="sigmoid"), "--", color="#CC79A7", linewidth=2.5, label="limit")
    axes.set_title("Gradient of the soft loss, with T²", fontsize=12)
    axes.set_xlabel(f"student's logit − teacher's logit (which is {TEACHER:g})", fontsize=11)


def _draw_sizes(axes: Axes) -> None:
    student, teacher = random_logits()
    every = range(1, 31)
    size = np.array([gradient(student, teacher, temperature=t, softening="sigmoid").norm().item() for t in every])
    axes.plot(every, size / size[0], color="#0072B2", linewidth=2, label="with T²")
    axes.plot(every, size / size[0] / np.square(every), color="#D55E00", linewidth=2, label="without T²")
    axes.set_yscale("log")
    axes.set_yticks([0.001, 0.01, 0.1, 1], ["0.001", "0.01", "0.1", "1"])
    axes.set_ylim(5e-4, 3)
    axes.set_title("Size of the gradient, as a share of that at T = 1", fontsize=12)
    axes.set_xlabel("temperature T", fontsize=11)


if __name__ == "__main__":
    run_command(main)
