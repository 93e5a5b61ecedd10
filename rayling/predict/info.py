"""What the file of an exported network says of itself: `rayling info student.onnx`."""

import argparse
import json
from hashlib import sha256
from pathlib import Path

from rayling.common import command
from rayling.predict.model import OnnxModel

EPILOG = """example:
  rayling info student.onnx

exit status: 0, or 2 if the file is not an exported network.
"""
SCORES = {"auroc": "AUROC", "average_precision": "average precision", "f1": "F1"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status. Raises SystemExit with 2 for a wrong command line."""
    about = {"description": __doc__.partition(":")[0] + ".", "epilog": EPILOG}
    parser = argparse.ArgumentParser("rayling info", formatter_class=argparse.RawDescriptionHelpFormatter, **about)
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("--json", action="store_true", help="print all of its metadata as one JSON object")
    options = parser.parse_args(arguments)
    return command.status_of(lambda: show(options.model, as_json=options.json))


def show(path: str, *, as_json: bool) -> int:
    """Print the facts of the network; return 0. Raises BadInput if the file is not an exported network."""
    model = OnnxModel(path)
    facts = {"model": path, "sha256": digest(path), **model.facts}
    print(json.dumps(facts, indent=2) if as_json else "\n".join(text(model, facts)))
    return 0


def digest(path: str) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return sha256(Path(path).read_bytes()).hexdigest()


def text(model: OnnxModel, facts: dict) -> list[str]:
    """The lines for a reader."""
    square = "padded with black to a square" if facts["keep_aspect"] else "stretched to a square"
    backbones = facts.get("backbones")
    blocks = ", ".join(map(str, backbones)) if isinstance(backbones, list) and backbones else "three blocks"
    lines = [
        facts["model"],
        f"  SHA-256   {facts['sha256']}",
        f"  network   {facts.get('network', 'unknown')} ({blocks}), study {facts.get('study', 'unknown')}",
        f"  input     a grey image of {model.size} × {model.size} pixels, {square}",
    ]
    lines += [f"  calibrated for {model.site}"] if model.site else []
    return [*lines, *_scores(facts.get("test")), *_labels(model, facts), facts["notice"]]


def _scores(test: object) -> list[str]:
    images, patients = _number(test, "images"), _number(test, "patients")
    if images is None or patients is None:
        return []
    lines = [f"  on test   {images:,} images of {patients:,} patients, means over the labels"]
    for key, name in SCORES.items():
        mean, *ends = (_number(test, key, end) for end in ("macro", "macro_low", "macro_high"))
        interval = "" if None in ends else " ({:.3f} to {:.3f})".format(*ends)
        lines += [] if mean is None else [f"    {name:<19}{mean:.3f}{interval}"]
    return lines


def _number(found: object, *keys: str) -> float | None:
    """The number below these keys, if there is one: no other program reads these facts, so any file may have others."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def _labels(model: OnnxModel, facts: dict) -> list[str]:
    if model.exclusive:
        return ["  labels, of which the most probable one is the answer", *(f"    {label}" for label in model.labels)]
    points = facts["operating_points"] or {facts["operating_point"] or "threshold": facts["threshold"]}
    width = max(map(len, model.labels))
    chosen = f"; `predict` decides by {model.operating_point}" if model.operating_point else ""
    lines = [f"  labels, and their thresholds at each operating point{chosen}"]
    lines += ["    " + " " * width + "".join(f"  {name:>16}" for name in points)]
    each = {label: [f"{point[label]:>16.1%}" for point in points.values()] for label in model.labels}
    return lines + [f"    {label:<{width}}" + "".join(f"  {cell}" for cell in cells) for label, cells in each.items()]
