"""The head of the model card: what the Hugging Face Hub reads of it."""

import io

from ruamel.yaml import YAML

TASK = "image-classification"
TAGS = ["chest-x-ray", "knowledge-distillation", "onnx", "not-for-clinical-use"]
# synthetic X-rays are ours; what may be done with a model of real ones is for those to say who lent them
SYNTHETIC = {"license": "apache-2.0"}
REAL = {"license": "other", "license_name": "that-of-the-training-data"}


def head(*, study: str, synthetic: bool, student: dict) -> str:
    """The metadata as YAML between two lines of dashes; `student` are its metrics on test."""
    metrics = [
        {"type": kind, "name": name, "value": value} for kind, name, value in _metrics(student) if value is not None
    ]
    result = {
        "task": {"type": TASK, "name": "findings on chest X-rays"},
        "dataset": {"type": study, "name": study, "split": "test"},
        "metrics": metrics,
    }
    content = (SYNTHETIC if synthetic else REAL) | {
        "library_name": "onnx",
        "pipeline_tag": TASK,
        "tags": TAGS,
        "metrics": sorted({metric["type"] for metric in metrics}),
        "model-index": [{"name": f"student of {study}", "results": [result]}],
    }
    text, yaml = io.StringIO(), YAML()
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return f"---\n{text.getvalue()}---\n"


def _metrics(student: dict) -> list[tuple[str, str, float | None]]:
    found = [("roc_auc", "AUROC, mean over the labels", student["auroc"]["macro"])]
    found += [("average_precision", "average precision, mean over the labels", student["average_precision"]["macro"])]
    found += [("f1", "F1, mean over the labels", student["f1"]["macro"])]
    return [*found, ("accuracy", "accuracy", student["accuracy"])] if "accuracy" in student else found
