"""Train the controls: the student's network where it can know nothing of the disease, or is asked for the source.

One sees only the border of the images; where there are several sources, another is asked from which an image comes.
Both learn from the hard labels that there are with the student's own settings, so that no control is weak for want of
training, and see a view of each image that no other epoch has seen. They depend on neither the temperature, the lesson
nor the student's seed: a sweep over these trains them once.
Reads data/prepared.h5, writes data/controls.safetensors: logits of dev and test, from which `controls` scores them.
"""

from copy import copy

import numpy as np
from safetensors.numpy import save as as_bytes

from distill import checkpoint, fit, inference, origins, params, processes, runtime, weights
from distill.atomic import atomic
from distill.batches import Batches
from distill.border import BorderOnly
from distill.hard_loss import from_labels
from distill.prepared import SPLITS


def main() -> None:
    """Train the control of the border and, where there are several sources, the probe."""
    p = params.read("seed", "views", "student", "compute")
    data = {"device": runtime.start(p.seed), "views": p.views.model_dump(), "seed": p.seed}
    batches = {split: Batches("data/prepared.h5", split, **data) for split in SPLITS}
    settings = {"seed": p.seed, **p.student.settings(), **p.compute.model_dump()}
    border, source = (checkpoint.of_training(f"control-{name}", p, "data/prepared.h5") for name in ("border", "source"))

    said = learnt("border", batches, blindfold=BorderOnly, unfinished=border, **settings)
    sources = origins.names(batches["train"].split)
    if len(sources) > 1:
        asked = {split: of_sources(images, sources) for split, images in batches.items()}
        said |= learnt("source", asked, unfinished=source, **settings)
    if processes.rank():
        return
    with atomic("data/controls.safetensors") as path:
        path.write_bytes(as_bytes(said))
    checkpoint.finished("control-*")


def learnt(name: str, batches: dict[str, Batches], *, seed: int, blindfold=None, **settings) -> dict[str, np.ndarray]:
    """Train a student's network, behind a `blindfold` if there is one; its logits of dev and test by name and split."""
    train = batches["train"]
    runtime.start(seed)  # the same first weights whatever was trained before
    header = weights.Header.of(train.split, network=name, backbones=[], seed=seed)
    network = weights.build(header)
    network = (blindfold(network) if blindfold else network).to(train.device)
    settings |= {"rows": train.split.labelled_rows, "loss": from_labels, "title": f"control of the {name}"}
    fit.fit(network, train=train, dev=batches["dev"], seed=seed, **settings)
    return {f"{name}/{split}": inference.logits(network, batches[split]) for split in ("dev", "test")}


def of_sources(batches: Batches, sources: list[str]) -> Batches:
    """The same images, labelled by source."""
    relabelled = copy(batches)
    relabelled.split = origins.as_labels(batches.split, sources)
    return relabelled


if __name__ == "__main__":
    processes.run(main)
