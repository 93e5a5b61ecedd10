"""Draw test cases: the student's best, its worst, and those on which student and teacher disagree most.

Beside each image stand the occlusion maps of the student and the teacher (`rayling/explain/occlusion.py`).
Reads data/prepared.h5, and of both data/pixels/, data/predictions/ and data/models/, writes plots/cases/.
"""

from collections.abc import Callable

import numpy as np
import torch

from rayling.common.atomic import atomic_folder
from rayling.evaluation import results
from rayling.evaluation.results import Calibration
from rayling.explain import cases, occlusion
from rayling.networks import weights
from rayling.runtime import hardware
from rayling.storage import prepared

NETWORKS = ("student", "teacher")


def main() -> None:
    """Choose the cases by the predictions on test, and draw them with the maps of both networks."""
    device, test = hardware.start(0), prepared.read("data/prepared.h5", "test")
    predicted = {name: results.read_predictions(f"data/predictions/{name}.csv", test) for name in NETWORKS}
    networks = {name: explainer(name, device) for name in NETWORKS}
    with atomic_folder("plots/cases") as folder:
        for kind, found in cases.choose(test.labels, predicted["student"], predicted["teacher"]).items():
            cases.draw(
                folder / f"{kind}.png",
                found,
                images=test.images,
                titles=[case_title(test, row, label) for row, label in found],
                names=[test.image_id[row] for row, _ in found],
                networks=networks,
                title=f"{kind}: {cases.KINDS[kind]}",
            )


def case_title(test: prepared.Split, row: int, label: int) -> str:
    """The label, and whether it is present according to the data set."""
    return f"{test.names[label]}: {'present' if test.labels[row, label] else 'absent'}"


def explainer(name: str, device: torch.device) -> Callable:
    """A function of the row of a test image that returns a network's probabilities (K,) and maps (K, h, h)."""
    test = prepared.read("data/prepared.h5", "test", pixels=f"data/pixels/{name}.h5")
    network, header = weights.load(f"data/models/{name}.safetensors", split=test)
    network.to(device)
    calibration = Calibration.read(f"data/models/{name}.calibration.json", header.labels)

    @torch.inference_mode()
    def predict(pixels: np.ndarray) -> np.ndarray:
        grey = torch.tensor(pixels).to(device)[:, None].float() / 255
        logits, _ = network((grey - header.mean) / header.std)
        return calibration.probabilities(logits.cpu().numpy())

    def explain(row: int) -> tuple[np.ndarray, np.ndarray]:
        pixels = test.images[row]
        return predict(pixels[None])[0], occlusion.maps(predict, pixels, fill=round(255 * header.mean))

    return explain


if __name__ == "__main__":
    main()
