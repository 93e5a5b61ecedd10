"""Write the report and the model card: one page with all numbers and pictures in it, and a card in the usual headings.

Nothing is computed here. Reads metrics/, plots/ and params.yaml, writes plots/report.html and plots/MODEL_CARD.md.
"""

import io
from pathlib import Path

from jinja2 import TemplateError
from pydantic import BaseModel
from ruamel.yaml import YAML

from distill import commit, page, params, telling
from distill.atomic import atomic, read_json
from distill.errors import BadInput

WRONG = (KeyError, TypeError, AttributeError, StopIteration, ValueError, TemplateError)  # of reports of another kind
WRITTEN = {"report.html": Path("plots/report.html"), "model_card.md": Path("plots/MODEL_CARD.md")}


def main() -> None:
    """Fill both templates with the same facts."""
    try:
        found = facts()
        texts = {path: page.filled(template, found) for template, path in WRITTEN.items()}
    except BadInput:
        raise
    except WRONG as error:
        what = f"{type(error).__name__} {error}"
        raise BadInput(
            f"metrics/, plots/ablation/: found {what}; expected what the stages of this study write"
        ) from None
    for path, text in texts.items():
        with atomic(path) as partial:
            partial.write_text(text, encoding="utf-8")


def facts() -> dict:
    """All that the templates ask for."""
    p = params.read(
        "study",
        "temperature",
        "learn_from",
        "seed",
        "student_seed",
        "compute",
        "data",
        "balance",
        "views",
        "cached_views",
        "features",
        "softening",
        "teacher",
        "assistant",
        "student",
    )
    read = {name: read_json(f"metrics/{name}.json") for name in ("prepare", "controls", "export", "latency")}
    scores = {name: read_json(f"metrics/{name}.json") for name in telling.NETWORKS}
    ablation = telling.of_ablation(Path("plots/ablation/table.csv"), p.study)
    files = telling.of_files(read["export"])
    return {
        "study": p.study,
        "temperature": p.temperature,
        "learn_from": p.learn_from,
        "size": p.data.size,
        "labels": p.data.labels,
        "student": scores["student"],
        "summary": telling.summary(scores, read["latency"], read["export"]),
        "census": telling.census(read["prepare"]),
        "left_out": telling.left_out(read["prepare"]),
        "networks": telling.of_networks(scores, read["latency"], read["export"]),
        "by_label": telling.by_label(scores),
        "controls": read["controls"],
        "control_scores": telling.of_controls(read["controls"]),
        "files": files,
        "files_told": ", ".join(f"`data/models/{row[0]}` ({row[1]} bytes)" for row in files[1:]),
        "unfamiliar": telling.unfamiliar(read["export"]),
        "timed": telling.timed(read["latency"]),
        "ablation": ablation,
        "gain": telling.gain(ablation),
        "commit": commit.told(),
        "parameters": written(vars(p)),
    }


def written(parameters: dict) -> str:
    """Parameters as they could stand in params.yaml."""
    plain = {key: _plain(value) for key, value in parameters.items()}
    text, yaml = io.StringIO(), YAML()
    yaml.default_flow_style = False
    yaml.dump(plain, text)
    return text.getvalue()


def _plain(value):
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


if __name__ == "__main__":
    main()
