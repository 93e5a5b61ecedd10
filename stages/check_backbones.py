"""Try out every backbone of the study before any is trained: a misspelt assistant must not cost a teacher's days.

Writes data/backbones_checked, whose bytes never change.
"""

from distill import models, params
from distill.atomic import atomic


def main() -> None:
    """Refuse a backbone that timm lacks, that has other levels, or that takes no images of this size."""
    p = params.read("data", "features", "teacher", "assistant")
    for name in [*p.teacher.backbones, p.assistant.backbone]:
        models.try_out(name, **p.features.model_dump(), size=p.data.size)
    with atomic("data/backbones_checked") as path:
        path.write_text("every backbone is known to timm and fits\n")


if __name__ == "__main__":
    main()
