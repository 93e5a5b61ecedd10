"""Train the assistant: a network of middle size that learns from the labels and from the teacher.

Paper, section 3: DenseNet-121; cross-entropy to the hard labels, cross-entropy to the teacher's soft labels and
KL divergence between feature maps. The teacher itself is not needed: its dump says what it saw in each view.
Reads data/prepared.h5 and data/dumps/teacher.h5, writes data/models/assistant.safetensors and
plots/training/assistant.csv.
"""

from distill import calibration, checkpoint, inference, losses, params, processes, runtime, weights
from distill.atomic import atomic
from distill.batches import Batches
from distill.distil import distil


def main() -> None:
    """Train one backbone on the labels and the teacher's dump, and calibrate it on dev."""
    p = params.read("temperature", "seed", "views", "cached_views", "features", "softening", "assistant", "compute")
    views = {"views": p.views.model_dump(), "count": p.cached_views, "seed": p.seed}
    data = {"device": runtime.start(p.seed), **views}
    train, dev = (Batches("data/prepared.h5", split, **data) for split in ("train", "dev"))

    backbones = [p.assistant.backbone]
    computed = runtime.described(p.compute.precision, train.device)
    header = weights.Header.of(train.split, network="assistant", backbones=backbones, seed=p.seed, computed=computed)
    assistant = weights.build(header, pretrained=p.assistant.pretrained, **p.features.model_dump()).to(train.device)
    history = distil(
        assistant,
        dump="data/dumps/teacher.h5",
        train=train,
        dev=dev,
        feature_distance=losses.feature_kl,
        temperature=p.temperature,
        softening=p.softening,
        weights=p.assistant.weights.model_dump(),
        seed=p.seed,
        unfinished=checkpoint.of_training("assistant", p, "data/prepared.h5", "data/dumps/teacher.h5"),
        title="assistant",
        **p.assistant.settings(),
        **p.compute.model_dump(),
    )
    platt = calibration.fit(dev.split.labels, inference.logits(assistant, dev))
    if processes.rank():
        return
    weights.save("data/models/assistant.safetensors", assistant, header.calibrated(platt))
    with atomic("plots/training/assistant.csv") as path:
        history.to_csv(path, index=False)
    checkpoint.finished("assistant")


if __name__ == "__main__":
    processes.run(main)
