"""What calibration for a new hospital is worth with so many of its films, by drawing them again and again:

    python -m rayling.recalibration.resampling films.csv student.onnx --films 25 50 100

Each time, films of patients at random are drawn, the calibration is fitted to them, and both the network as it is and
the calibrated one are scored on all other films. The CSV is as for `python -m rayling.recalibration`.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from tqdm import tqdm

from rayling.common.errors import BadInput, run_command
from rayling.evaluation import metrics
from rayling.evaluation.results import decisions
from rayling.predict.model import OnnxModel
from rayling.recalibration import films, fit, graph
from rayling.recalibration.__main__ import pair
from rayling.recalibration.films import Films


def main() -> None:
    """Print a row for each number of films."""
    options = arguments()
    model = OnnxModel(options.model, threads=0)
    found = films.read(options.csv, model, columns=dict(options.columns))
    log_odds = graph.log_odds(onnx.load(options.model), found.pixels)
    if max(options.films) >= len(found.labels):
        raise BadInput(f"{options.csv}: found {len(found.labels)} films, expected more than {max(options.films)}")
    generator = np.random.default_rng(options.seed)
    print("| films | score | as it is | calibrated | gain | draws in which it gains |\n|---|---|---|---|---|---|")
    for count in options.films:
        drawn = [draw(found.patients, count, generator) for _ in range(options.draws)]
        both = [scored(model, found, log_odds, chosen) for chosen in tqdm(drawn, disable=None, leave=False)]
        for name in both[0]:
            print(row(count, name, np.array([scores[name] for scores in both])), flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m rayling.recalibration.resampling", description=__doc__.partition(":")[0]
    )
    parser.add_argument("csv", type=Path, help="a CSV of labelled films")
    parser.add_argument("model", type=Path, help="an ONNX file that `export` or `quantise` wrote")
    parser.add_argument("--films", type=int, nargs="+", default=[25, 50, 100], help="so many are drawn")
    parser.add_argument("--draws", type=int, default=200, help="so often")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", nargs="+", type=pair, default=[], metavar="NAME=COLUMN")
    return parser.parse_args()


def draw(patients: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """The films of patients at random, until there are `count` or a few more: bool (N,)."""
    names, films_of = np.unique(patients, return_counts=True)
    order = generator.permutation(len(names))
    enough = np.searchsorted(np.cumsum(films_of[order]), count) + 1
    return np.isin(patients, names[order[:enough]])


def scored(model: OnnxModel, found: Films, log_odds: np.ndarray, chosen: np.ndarray) -> dict[str, tuple[float, float]]:
    """The scores on the other films, as the network is and calibrated on those that are `chosen`, bool (N,)."""
    same = np.tile([1.0, 0.0], (len(model.labels), 1))
    platt = fit.fit(found.labels[chosen], log_odds[chosen], exclusive=model.exclusive)
    both = [scores(model, found.labels[~chosen], log_odds[~chosen], each) for each in (same, platt)]
    return {name: (both[0][name], both[1][name]) for name in both[0]}


def scores(model: OnnxModel, labels: np.ndarray, log_odds: np.ndarray, platt: np.ndarray) -> dict[str, float]:
    """Log loss, calibration error, and accuracy of exclusive classes, or else macro F1 at the thresholds."""
    probabilities = fit.recalibrated(log_odds, platt, exclusive=model.exclusive)
    averages = metrics.averages(*metrics.counts(labels, decisions(probabilities, model.thresholds)))
    name, value = ("accuracy", averages["recall"]["micro"]) if model.exclusive else ("F1", averages["f1"]["macro"])
    return {
        "log loss": fit.log_loss(labels, log_odds, platt, exclusive=model.exclusive),
        "calibration error": metrics.mean_calibration_error(labels, probabilities),
        name: float(value),
    }


def row(count: int, name: str, values: np.ndarray) -> str:
    """A row of the table; `values` (draws, 2) are those before and after. The range holds 95 % of the draws."""
    before, after = values.T
    gain = after - before if name in ("accuracy", "F1") else before - after
    low, high = np.quantile(gain, [0.025, 0.975])
    shown = f"{gain.mean():+.3f} ({low:+.3f} to {high:+.3f})"
    return f"| {count} | {name} | {before.mean():.3f} | {after.mean():.3f} | {shown} | {(gain > 0).mean():.0%} |"


if __name__ == "__main__":
    run_command(main)
