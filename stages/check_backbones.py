"""Try every backbone of the study before any is trained, so that a misspelt assistant is found at once.

Writes data/backbones/teacher.json and assistant.json: each backbone with the SHA-256 of the pretrained weights in
data/weights that it starts from, else null. Training depends on these files: other files there retrain nothing.
"""

import json

from rayling.common.atomic import atomic
from rayling.config import params
from rayling.networks import architectures


def main() -> None:
    """Refuse a backbone that timm lacks, that has other levels, or that takes no images of this size."""
    p = params.read("data", "features", "teacher", "assistant")
    names = {"teacher": p.teacher.backbones, "assistant": [p.assistant.backbone]}
    for name in sorted({*p.teacher.backbones, p.assistant.backbone}):
        architectures.try_out(name, **p.features.model_dump(), size=p.data.size)
    for network, pretrained in {"teacher": p.teacher.pretrained, "assistant": p.assistant.pretrained}.items():
        digests = {name: architectures.pretrained_digest(name) if pretrained else None for name in names[network]}
        with atomic(f"data/backbones/{network}.json") as path:
            path.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
