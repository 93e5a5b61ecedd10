"""Write the report and the model card, and draw the training curves.

The report is one HTML page that holds its numbers and pictures; the model card has the usual headings. Nothing is
computed here.
Reads metrics/, data/evaluation/, plots/ and params.yaml, and asks git for the commit; writes plots/training.png,
plots/report.html and plots/MODEL_CARD.md.
"""

import io
from pathlib import Path

import pandas as pd
from pydantic import BaseModel
from ruamel.yaml import YAML

from rayling.common.atomic import atomic, read_json
from rayling.common.errors import BadInput
from rayling.config import params
from rayling.export import notice
from rayling.reporting import (
    ablation_tables,
    alternatives,
    attribution_tables,
    checklist,
    external_tables,
    flow,
    group_tables,
    label_tables,
    model_card,
    page,
    tables,
)
from rayling.reporting.training_curves import read_history, training_curves

ABLATION = Path("plots/ablation")
PAGES = {"report.html": Path("plots/report.html"), "model_card.md": Path("plots/MODEL_CARD.md")}
BY_LABEL = ("macro", "per_label", "per_label_low", "per_label_high")
RANKING = [f"{score}/{key}" for score in ("auroc", "average_precision") for key in BY_LABEL]
CALIBRATION = [f"calibration_{name}/{key}" for name in ("error", "intercept", "slope") for key in BY_LABEL[:2]]
PATIENTS = ["images", "patients", "positive_patients", "negative_patients"]
SCORES = [*RANKING, "f1/macro", "f1/per_label", *CALIBRATION, "threshold", *PATIENTS]
SCORES += ["calibration_error/uncalibrated", "parameters", "macs"]
TIMES = [f"{name}/{key}" for name in (*tables.NETWORKS, "student.int8") for key in ("p50_ms", "p99_ms")]
OF_FILE = ("bytes", "largest_difference", "auroc", "changed_decisions")
FILES = [f"{name}/{key}" for name in ("float32", "int8") for key in OF_FILE]
COMPARED = ["student_minus_teacher", "student_minus_assistant", "distillation/verdict", "distillation/remark"]
DETAILS = ["decision", "operating_point", "operating_points", "groups"]
KEYS = {  # that the pages need of each file
    **{f"metrics/{name}.json": SCORES for name in tables.NETWORKS},
    **{
        f"data/evaluation/{name}.json": ["decision", "operating_point", "operating_points", "groups"]
        for name in tables.NETWORKS
    },
    "metrics/prepare.json": ["images", "patients", "left_out", "labelled/images", "balanced/all"],
    "metrics/controls.json": ["auroc", "average_precision", "f1", "remark", *COMPARED],
    "metrics/export.json": [*FILES, "out_of_distribution"],
    "metrics/latency.json": [*TIMES, "machine"],
}


def main() -> None:
    """Draw the training curves, and fill both templates with the same facts."""
    histories = {network: read_history(f"plots/training/{network}.csv") for network in tables.NETWORKS}
    facts = all_facts(histories)
    training_curves("plots/training.png", histories=histories, title="Training")
    texts = {path: page.fill(template, facts) for template, path in PAGES.items()}
    for path, text in texts.items():
        with atomic(path) as partial:
            partial.write_text(text, encoding="utf-8")


def all_facts(histories: dict[str, pd.DataFrame]) -> dict:
    """The values of all names in the templates."""
    p = parameters()
    about = {key: p[key] for key in ("study", "temperature", "learn_from")} | {"notice": notice.of(p["study"])}
    about |= {"size": p["data"].size, "labels": p["data"].labels, "grid": p["student"].head, "parameters": as_yaml(p)}
    about["exclusive"] = p["data"].exclusive
    found = measured(p["data"].labels)
    pictures = alternatives.all_texts(found["scores"], histories, found["train_images"], p["data"].labels)
    card = model_card.head(study=p["study"], synthetic=p["study"] == "phantom", student=found["student"])
    return about | found | gains(p) | {"texts": pictures, "head": card, "commit": page.commit_line()}


def gains(p: dict) -> dict:
    """What the ablation says, and in which parameters it differs from this run."""
    ablation = ablation_tables.ablation_table(ABLATION, p["study"])
    plain = {key: _plain(value) for key, value in p.items()}
    others = ablation_tables.other_parameters(ABLATION, plain) if ablation else ""
    return {"ablation": ablation, "ablation_of": others, "gain": ablation_tables.gain_sentence(ablation, others)}


def parameters() -> dict:
    """All parameters of the study."""
    p = params.read(
        "study",
        "temperature",
        "learn_from",
        "seed",
        "student_seed",
        "compute",
        "data",
        "external",
        "balance",
        "views",
        "cached_views",
        "lesson",
        "features",
        "hard_loss",
        "class_mix",
        "operating_point",
        "softening",
        "teacher",
        "assistant",
        "student",
        "phantom",
    )
    if p.study != "phantom":
        del p.phantom  # how the X-rays of that study are rendered
    return vars(p)


def measured(labels: list[str]) -> dict:
    """What the stages measured, as tables and sentences. Raises BadInput if a file is missing or of other labels."""
    others = ("prepare", "controls", "export", "latency")
    prepare, controls, export, latency = (read_scores(f"metrics/{name}.json") for name in others)
    attribution = read_json("metrics/attribution.json")
    scores = {
        name: read_scores(f"metrics/{name}.json") | read_scores(f"data/evaluation/{name}.json")
        for name in tables.NETWORKS
    }
    for name, found in scores.items():
        if list(found["auroc"]["per_label"]) != labels:
            raise BadInput(f"metrics/{name}.json: found labels {list(found['auroc']['per_label'])}, expected {labels}")
    return {
        "scores": scores,
        "student": scores["student"],
        "train_images": prepare["images"]["train"]["all"],
        "flow": flow.diagram(prepare),
        "checklist": checklist.checklist(),
        "summary": tables.summary_sentences(scores, latency, export),
        "data_counts": tables.data_table(prepare),
        "left_out": tables.left_out_sentence(prepare),
        "network_scores": tables.network_table(scores, latency, export),
        "latency_note": tables.latency_note(latency),
        "differences": tables.difference_table(controls),
        "label_scores": label_tables.label_table(scores),
        "operating_point": scores["student"]["operating_point"],
        "operating_points": label_tables.operating_point_table(scores["student"]),
        "decisions": label_tables.decision_table(scores["student"]),
        "calibrations": label_tables.calibration_table(scores["student"]),
        "group_scores": group_tables.group_table(scores["student"], scores["teacher"]),
        "group_labels": group_tables.compared_sentence(scores["student"]),
        "group_gap": group_tables.gap_sentence(scores["student"]),
        "hospitals": external_tables.sections(read_json("metrics/external.json")),
        "attribution": attribution_tables.attribution_table(attribution),
        "attributed": attribution_tables.attribution_sentence(attribution),
        "control_scores": tables.control_table(controls),
        "control_remarks": controls["remark"],
        "distillation": controls["distillation"]["remark"][0],
        "harms": controls["distillation"]["verdict"] == "worse",
        "files": tables.file_table(export),
        "rejected": tables.out_of_distribution_sentence(export),
    }


def read_scores(path: str) -> dict:
    """A JSON file that a stage wrote. Raises BadInput if it is missing or lacks one of its `KEYS`."""
    content = read_json(path)
    for keys in KEYS[path]:
        block = content
        for key in keys.split("/"):
            if not isinstance(block, dict) or key not in block:
                raise BadInput(f"{path}: found no {keys}, expected what the stages of this study write")
            block = block[key]
    return content


def as_yaml(parameters: dict) -> str:
    """Parameters as they could stand in params.yaml."""
    plain = {key: _plain(value) for key, value in parameters.items()}
    text, yaml = io.StringIO(), YAML()
    yaml.default_flow_style = False
    yaml.dump(plain, text)
    return text.getvalue()


def _plain(value):
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value


if __name__ == "__main__":
    main()
