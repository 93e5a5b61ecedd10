"""Write the report and the model card: one page with all numbers and pictures in it, and a card in the usual headings.

Nothing is computed here. Reads metrics/, plots/ and params.yaml, asks git for the commit; writes plots/report.html
and plots/MODEL_CARD.md.
"""

import io
from pathlib import Path

from jinja2 import TemplateError
from pydantic import BaseModel
from ruamel.yaml import YAML

from distill import commit, notice, page, params, telling
from distill.atomic import atomic, read_json
from distill.errors import BadInput

WRONG = (KeyError, TypeError, AttributeError, StopIteration, ValueError, TemplateError)  # of reports of another kind
REPORTS = ("prepare", "controls", "export", "latency")
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
    p = parameters()
    shown = {key: p[key] for key in ("study", "temperature", "learn_from")} | {"notice": notice.of(p["study"])}
    shown |= {"size": p["data"].size, "labels": p["data"].labels, "parameters": written(p)}
    return shown | measured() | compared(p["study"]) | {"commit": commit.told()}


def parameters() -> dict:
    """All that the study was made with."""
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
        "phantom",
    )
    if p.study != "phantom":
        del p.phantom  # says how the films of that study are rendered
    return vars(p)


def measured() -> dict:
    """What stands in metrics/."""
    prepare, controls, export, latency = (read_json(f"metrics/{name}.json") for name in REPORTS)
    scores = {name: read_json(f"metrics/{name}.json") for name in telling.NETWORKS}
    return {
        "student": scores["student"],
        "summary": telling.summary(scores, latency, export),
        "census": telling.census(prepare),
        "left_out": telling.left_out(prepare),
        "networks": telling.of_networks(scores, latency, export),
        "by_label": telling.by_label(scores),
        "controls": controls,
        "control_scores": telling.of_controls(controls),
        "files": telling.of_files(export),
        "unfamiliar": telling.unfamiliar(export),
        "timed": telling.timed(latency),
    }


def compared(study: str) -> dict:
    """What stands in plots/ablation, if it is of this study."""
    ablation = telling.of_ablation(Path("plots/ablation/table.csv"), study)
    return {"ablation": ablation, "gain": telling.gain(ablation)}


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
