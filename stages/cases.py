"""Draw cases of test to look at: the best, the worst, and those about which student and teacher disagree.

Beside each film stands where the student and the teacher saw the finding (`occlusion.py`).
Reads data/prepared.h5, data/predictions/ and data/models/ of both, writes plots/cases/.
"""

from collections.abc import Callable

import numpy as np
import torch

from distill import calibration, cases, occlusion, predictions, prepared, runtime, weights
from distill.atomic import atomic_folder

NETWORKS = ("student", "teacher")


def main() -> None:
    """Choose by what both said of test, and ask them again with parts of the films hidden."""
    device, test = runtime.start(0), prepared.read("data/prepared.h5", "test")
    said = {name: predictions.read(f"data/predictions/{name}.csv", test) for name in NETWORKS}
    maps = {name: falls(name, test, device) for name in NETWORKS}
    with atomic_folder("plots/cases") as folder:
        for kind, found in cases.chosen(test.labels, said["student"], said["teacher"]).items():
            titles = [title_of(test, row, label) for row, label in found]
            names = [test.image_id[row] for row, _ in found]
            about = {"titles": titles, "names": names, "title": f"{kind}: {cases.WHAT[kind]}"}
            about |= {"films": test.images, "maps": maps}
            cases.draw(folder / f"{kind}.png", found, **about)


def title_of(test: prepared.Split, row: int, label: int) -> str:
    """What is known of a case."""
    return f"{test.names[label]}: {'present' if test.labels[row, label] else 'absent'}"


def falls(name: str, test: prepared.Split, device: torch.device) -> Callable:
    """A function like `explain.falls`, of a trained network."""
    network, header = weights.load(f"data/models/{name}.safetensors", split=test)
    network.to(device)

    @torch.inference_mode()
    def ask(pixels: np.ndarray) -> np.ndarray:
        grey = torch.tensor(pixels).to(device)[:, None].float() / 255
        logits, _ = network((grey - header.mean) / header.std)
        return calibration.apply(logits.cpu().numpy(), header.platt)

    def fall(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ask(pixels[None])[0], occlusion.maps(ask, pixels, fill=round(255 * header.mean))

    return fall


if __name__ == "__main__":
    main()
