"""Score the exported networks on films of other hospitals (`external`), beside their scores on test.

Each file in data/models/ runs as its user would run it, with the calibration and the thresholds chosen on dev and its
out-of-distribution check. Nothing is chosen here.
Reads data/external.h5, data/external.csv, data/models/<network>.onnx, metrics/<network>.json and
data/evaluation/<network>.json, writes metrics/external.json, a block for each source, and plots/external.png. Without
external sources they show none.
"""

import csv
from collections import Counter
from pathlib import Path

from PIL import Image, ImageDraw

from rayling.common.atomic import atomic, read_json, write_json
from rayling.common.errors import BadInput
from rayling.config import params
from rayling.predict.model import OnnxModel
from rayling.storage import films
from rayling.storage.films import Films

NETWORKS = ("teacher", "assistant", "student")
LISTED, PICTURE = Path("data/external.csv"), Path("plots/external.png")
COMPARED = ("auroc", "average_precision", "calibration_error")
SEED = 0  # of the bootstrap, as in `evaluate`


def main() -> None:
    """Score all networks on all sources, and draw them."""
    if params.read("external").external:
        from rayling.evaluation import external_figure

        found = by_source()
        external_figure.draw(PICTURE, found)
    else:
        found = {}
        draw_none()
    write_json("metrics/external.json", found)


def draw_none() -> None:
    """Write a picture without a score, as DVC expects the file."""
    picture = Image.new("L", (240, 30), 255)
    ImageDraw.Draw(picture).text((10, 9), "no films of other hospitals", fill=0)
    with atomic(PICTURE) as partial:
        picture.save(partial, "PNG")


def by_source() -> dict[str, dict]:
    """The scores by source and network, with the number of films that were left out."""
    from rayling.evaluation import external  # takes a second, which most studies save

    outside = films.read("data/external.h5")
    left_out = left_out_by_source(outside)
    inside = {name: scores_on_test(name, outside.names) for name in NETWORKS}
    answers = {name: answers_of(f"data/models/{name}.onnx", outside) for name in NETWORKS}
    found = external.of_sources(outside, answers, inside, seed=SEED)
    return {source: {"left_out": left_out.get(source, {}), **scores} for source, scores in found.items()}


def scores_on_test(name: str, labels: list[str]) -> dict:
    """The scores of a network on test. Raises BadInput if one is missing, or if they are of other labels."""
    scores = {}
    for path, keys in {f"metrics/{name}.json": COMPARED, f"data/evaluation/{name}.json": ["decision"]}.items():
        scores |= read_json(path)
        for key in keys:
            if key not in scores:
                raise BadInput(f"{path}: found no {key}; expected what `evaluate` writes")
    if list(scores["decision"]) != labels:
        raise BadInput(f"{path}: found labels {list(scores['decision'])}, expected {labels}")
    return scores


def answers_of(path: str, outside: Films) -> dict:
    """What an exported network says of all films: see `external.of_sources`.

    Raises BadInput for a file of other labels, or of a size at which the films are not there.
    """
    model = OnnxModel(path, threads=0)
    if model.labels != outside.names or model.size not in outside.images:
        expected = f"{outside.names}, one of {list(outside.images)} px, as in data/external.h5"
        raise BadInput(f"{path}: found labels {model.labels}, {model.size} px, expected {expected}")
    probabilities, distances = model.run_all(outside.images[model.size])
    return {"probabilities": probabilities, "distances": distances, "thresholds": model.thresholds}


def left_out_by_source(outside: Films) -> dict[str, dict[str, int]]:
    """How many films of each source were left out, by the reason. Raises BadInput for a list of other films."""
    expected = "expected the films of data/external.h5, as `prepare_external` writes both"
    try:
        with LISTED.open(encoding="utf-8", newline="") as lines:
            listed = [(film["image"], film["source"], film["left_out"]) for film in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise BadInput(f"{LISTED}: {error}; {expected}") from None
    if [image for image, _, reason in listed if not reason] != outside.image_id.tolist():
        raise BadInput(f"{LISTED}: found others, {expected}")
    counts = Counter((source, reason) for _, source, reason in listed if reason)
    return {of: {why: count for (source, why), count in counts.items() if source == of} for of, _ in counts}


if __name__ == "__main__":
    main()
