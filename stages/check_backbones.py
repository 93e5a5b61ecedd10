"""Try every backbone of the study before any is trained, so that a misspelt assistant is found at once.

The weights of pretrained ones are loaded, and fetched from timm's hub if they lie nowhere else. Writes
data/backbones/teacher.json and assistant.json: each backbone with the SHA-256 of the file of pretrained weights that it
starts from, else null. Training depends on these files, so weights that no backbone uses retrain nothing.
"""

import json
from types import SimpleNamespace

from rayling.common.atomic import atomic
from rayling.config import params
from rayling.config.schema import Features
from rayling.networks import architectures, pretrained
from rayling.networks.architectures import Backbone


def main() -> None:
    """Refuse a backbone that timm lacks, that has other levels or sizes, or whose pretrained weights are missing."""
    p = params.read(
        "features",
        "teacher.size",
        "teacher.backbones",
        "teacher.pretrained",
        "teacher.freeze",
        "assistant.size",
        "assistant.backbone",
        "assistant.pretrained",
    )
    freeze = architectures.which_frozen(p.teacher.freeze, p.teacher.backbones)
    members = zip(p.teacher.backbones, freeze, strict=True)
    digests = {
        "teacher": {name: tried(name, p.teacher, p.features, frozen=frozen) for name, frozen in members},
        "assistant": {p.assistant.backbone: tried(p.assistant.backbone, p.assistant, p.features)},
    }
    for network, content in digests.items():
        with atomic(f"data/backbones/{network}.json") as path:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def tried(name: str, network: SimpleNamespace, features: Features, *, frozen: bool = False) -> str | None:
    """The SHA-256 of the file of weights that the backbone starts from. Raises BadInput if it cannot be used."""
    architectures.try_out(name, size=network.size, frozen=frozen, **features.model_dump())
    if not network.pretrained:
        return None
    Backbone(name, outputs=1, moments=(0.0, 1.0), start_pretrained=True)
    print(f"{name}: pretrained weights from {pretrained.find(name) or 'the hub of timm'}")
    return pretrained.digest(name)


if __name__ == "__main__":
    main()
