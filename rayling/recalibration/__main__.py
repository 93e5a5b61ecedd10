"""Calibrate an exported network anew for another hospital, from a few dozen of its films:

    python -m rayling.recalibration films.csv student.onnx -o student.north.onnx --site "North Hospital"

The CSV has a column `image` (paths below its folder), one of 1, 0 or blank for each label, or a column `label`, and
`patient` if there is one. The copy gives other probabilities and ranks no label differently; thresholds stay the same
probabilities, so decisions change with them. Needs what `rayling.predict` needs, and onnx, pandas, scipy, scikit-learn.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
from sklearn.model_selection import GroupKFold

from rayling.common.errors import BadInput, run_command
from rayling.export import onnx_file
from rayling.predict.model import OnnxModel
from rayling.recalibration import films, fit, graph
from rayling.recalibration.films import Films

FOLDS = 5
FEWEST = 10  # patients: with fewer, nothing can be said of what it is worth


def main() -> None:
    """Run the command."""
    options = arguments()
    model = OnnxModel(options.model, threads=0)
    refuse(options, model)
    found = films.read(options.films, model, columns=dict(options.columns))
    original = onnx.load(options.model)
    log_odds = graph.log_odds(original, found.pixels)
    platt = fit.fit(found.labels, log_odds, exclusive=model.exclusive)
    facts = model.facts | {"recalibrated": about(options, model, found, platt)}
    onnx_file.save(options.output, graph.with_calibration(original, platt), facts)
    print(summary(model, found, platt))
    print(worth(found, log_odds, exclusive=model.exclusive))


def arguments() -> argparse.Namespace:
    """The command line. Exits with status 2 if it is wrong."""
    parser = argparse.ArgumentParser("python -m rayling.recalibration", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("films", type=Path, help="a CSV of labelled films")
    parser.add_argument("model", type=Path, help="an ONNX file that `export` or `quantise` wrote")
    parser.add_argument("-o", "--output", type=Path, required=True, help="where to write the calibrated copy")
    parser.add_argument("--site", required=True, help="the name of the hospital, which the copy shows")
    parser.add_argument(
        "--columns", nargs="+", type=pair, default=[], metavar="NAME=COLUMN", help="image=Path patient=PatientID"
    )
    return parser.parse_args()


def pair(text: str) -> tuple[str, str]:
    """`image=Path` -> ("image", "Path"). Raises ArgumentTypeError for anything else."""
    name, equals, column = text.partition("=")
    if name not in ("image", "patient", "label") or not equals:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected image=, patient= or label= and a column")
    return name, column


def refuse(options: argparse.Namespace, model: OnnxModel) -> None:
    """Raise BadInput for an output that is the model itself, and for a model that was calibrated for another site."""
    if options.output.exists() and options.output.samefile(options.model):
        raise BadInput(f"{options.output}: found the model itself, expected another file: it stays as it is")
    if model.site:
        raise BadInput(
            f"{options.model}: found it calibrated for {model.site!r}, expected the file that it was made from"
        )
    if not options.site.isprintable() or not options.site.strip():
        raise BadInput(f"--site: found {options.site!r}, expected the name of the hospital")


def about(options: argparse.Namespace, model: OnnxModel, found: Films, platt: np.ndarray) -> dict:
    """What the copy says of its calibration: the site, the films, the numbers, and which file it was made from."""
    counts = zip(model.labels, (found.labels == 1).sum(axis=0), (found.labels == 0).sum(axis=0), platt, strict=True)
    labels = {
        label: {"positive": int(positive), "negative": int(negative), "scale": scale, "shift": shift}
        for label, positive, negative, (scale, shift) in counts
    }
    digest = hashlib.sha256(options.model.read_bytes()).hexdigest()
    patients = len(np.unique(found.patients))
    return {"site": options.site, "films": len(found.labels), "patients": patients, "labels": labels, "of": digest}


def summary(model: OnnxModel, found: Films, platt: np.ndarray) -> str:
    """A line for each label."""
    width = max(map(len, model.labels))
    present, absent = (found.labels == 1).sum(axis=0), (found.labels == 0).sum(axis=0)
    rows = zip(model.labels, present, absent, platt, strict=True)
    lines = [f"{len(found.labels)} films of {len(np.unique(found.patients))} patients"]
    lines += [
        f"  {label:<{width}}  {with_it:4} with it  {without:4} without  log-odds × {scale:.3f} {shift:+.3f}"
        for label, with_it, without, (scale, shift) in rows
    ]
    return "\n".join(lines)


def worth(found: Films, log_odds: np.ndarray, *, exclusive: bool) -> str:
    """What it is worth on films that it was not fitted to: cross-validated by patient."""
    if len(np.unique(found.patients)) < FEWEST:
        return f"Fewer than {FEWEST} patients: what it is worth cannot be measured."
    before, after = cross_validated(found, log_odds, exclusive=exclusive)
    better = "better" if after < before else "no better: keep the original, or label more films"
    return f"Log loss on films left out, by {FOLDS}-fold cross-validation: {after:.3f}, before {before:.3f}: {better}."


def cross_validated(found: Films, log_odds: np.ndarray, *, exclusive: bool) -> tuple[float, float]:
    """The log loss over all films before and after, each film judged by a fit to other patients."""
    scaled = log_odds.astype(float).copy()
    for rest, fold in GroupKFold(FOLDS).split(log_odds, groups=found.patients):
        platt = fit.fit(found.labels[rest], log_odds[rest], exclusive=exclusive)
        scaled[fold] = log_odds[fold] * platt[:, 0] + platt[:, 1]
    same = np.tile([1.0, 0.0], (found.labels.shape[1], 1))
    before, after = (fit.log_loss(found.labels, values, same, exclusive=exclusive) for values in (log_odds, scaled))
    return before, after


if __name__ == "__main__":
    run_command(main)
