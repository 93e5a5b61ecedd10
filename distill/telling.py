"""What the report and the model card say, out of `metrics/` and `plots/ablation`: tables of text, and sentences."""

from pathlib import Path

import pandas as pd

from distill.page import Table, number

ENDS = ("_low", "_high")  # of the names of an interval
NETWORKS = ("teacher", "assistant", "student")


def of_networks(scores: dict[str, dict], latency: dict, export: dict) -> Table:
    """A row a network: what it is worth, and what it costs."""
    head = ["", "AUROC", "average precision", "F1", "calibration error", "parameters", "multiply-adds", "ms an image"]
    costs = {name: [f"{scores[name]['parameters']:,}", f"{scores[name]['macs']:,}"] for name in NETWORKS}
    body = [[name, *_worth(scores[name]), *costs[name], _time(latency[name])] for name in NETWORKS]
    small = [number(export["int8"]["auroc"]), "–", "–", "–", *costs["student"], _time(latency["student.int8"])]
    return [head, *body, ["student in 8 bits", *small]]


def _worth(found: dict) -> list[str]:
    ranked = [_macro(found[score]) for score in ("auroc", "average_precision", "f1")]
    return [*ranked, number(found["calibration_error"]["macro"])]


def by_label(scores: dict[str, dict]) -> Table:
    """A row a label: what student and teacher are worth."""
    student, teacher = scores["student"], scores["teacher"]
    head = ["", "AUROC", "of the teacher", "average precision", "F1", "present from"]
    return [head] + [
        [
            label,
            number(student["auroc"]["per_label"][label]),
            number(teacher["auroc"]["per_label"][label]),
            number(student["average_precision"]["per_label"][label]),
            number(student["f1"]["per_label"][label]),
            number(student["threshold"][label]),
        ]
        for label in student["threshold"]
    ]


def of_controls(controls: dict) -> Table:
    """A row for each control and network."""
    scores, names = (
        ("auroc", "average_precision", "f1"),
        [name for name in controls["auroc"] if not name.endswith(ENDS)],
    )
    body = [[name.replace("_", " "), *(number(controls[score].get(name)) for score in scores)] for name in names]
    return [["", "AUROC", "average precision", "F1"], *body]


def of_files(export: dict) -> Table:
    """A row a file."""
    full, small = export["float32"], export["int8"]
    change = _signed(*(small.get(f"auroc_change{end}") for end in ("", *ENDS)), digits=4)
    head = ["", "bytes", "largest difference of a probability", "AUROC", "change of AUROC"]
    return [head, ["student.onnx", *_of_file(full), "–"], ["student.int8.onnx", *_of_file(small), change]]


def _of_file(found: dict) -> list[str]:
    largest = found["largest_difference"]
    return [f"{found['bytes']:,}", f"{largest:.6f}" if largest else "below 0.000001", number(found["auroc"], digits=4)]


def of_ablation(path: Path, study: str) -> Table | None:
    """What `distill.ablation` found for this study; None if it was not run for it."""
    if not path.is_file():
        return None
    found = pd.read_csv(path, dtype={"study": str})
    if "study" not in found or (found["study"] != study).any():
        return None
    settings = list(found)[1 : list(found).index("metric")]
    head = [*settings, "metric", "runs", "mean", "gain over the student alone"]
    return [head] + [[*map(str, row[settings]), *_of_run(row)] for _, row in found.iterrows()]


def _of_run(row: pd.Series) -> list[str]:
    return [row["metric"], str(row["runs"]), number(row["mean"], row["low"], row["high"]), _gain(row)]


def gain(ablation: Table | None) -> str:
    """Whether the student is better for being taught, as far as that was measured."""
    head, *rows = ablation or [[]]
    told = [
        f"{', '.join(f'{name} {value}' for name, value in zip(head[:-4], row[:-4], strict=True))}, {row[-4]}: {row[-1]}"
        for row in rows
        if row[-1] != "–"
    ]
    if not told:
        return "Whether the student is better for being taught was not measured for this study."
    return f"Gain over a student that is not taught: {'; '.join(told)}."


def summary(scores: dict[str, dict], latency: dict, export: dict) -> str:
    """The result in two sentences."""
    student, teacher = scores["student"], scores["teacher"]
    small = f"{student['parameters']:,} parameters and {export['float32']['bytes'] / 1000:,.0f} kB"
    films = f"{student['images']:,} images of {student['patients']:,} patients"
    times = [f"{latency[name]['p50_ms']:.2f}" for name in ("student", "teacher")]
    return (
        f"The student, {small}, reaches a macro AUROC of {_macro(student['auroc'])} on {films}, its teacher of "
        f"{teacher['parameters']:,} parameters {_macro(teacher['auroc'])}. "
        f"One image takes the student {times[0]} ms on one thread of a CPU, the teacher {times[1]}."
    )


def census(prepared: dict) -> Table:
    """A column a split: its images and patients, and how many images have each label."""
    images, patients = prepared["images"], prepared["patients"]
    labels = next(iter(images.values()))["positive"]
    everything = [["images", *(f"{of['all']:,}" for of in images.values())]]
    everything += [["patients", *(f"{patients[name]['all']:,}" for name in images)]]
    return [["", *images], *everything, *([label, *(_known(of, label) for of in images.values())] for label in labels)]


def _known(images: dict, label: str) -> str:
    unknown = images["unknown"].get(label)
    return f"{images['positive'][label]:,}" + (f" ({unknown:,} unknown)" if unknown else "")


def left_out(prepared: dict) -> str:
    """How many images are in no split, and why."""
    why = {reason: count for reason, count in prepared["left_out"].items() if reason != "all"}
    if not why:
        return "No image was left out."
    return "Left out: " + ", ".join(f"{count:,} {reason}" for reason, count in why.items()) + "."


def unfamiliar(export: dict) -> str:
    """How often the check calls what unfamiliar."""
    return ", ".join(f"{rate:.1%} of {name.replace('_', ' ')}" for name, rate in export["unfamiliar"].items())


def timed(latency: dict) -> str:
    """What the times are of."""
    return (
        f"Times: median (99th percentile, of few images nearly the greatest) of one image on one thread of "
        f"{latency['machine']}, of the exported files; they differ from run to run."
    )


def _macro(score: dict) -> str:
    return number(score["macro"], score.get("macro_low"), score.get("macro_high"))


def _time(found: dict) -> str:
    return f"{found['p50_ms']:.2f} ({found['p99_ms']:.2f})"


def _gain(row: pd.Series) -> str:
    return _signed(row["gain"], row["gain_low"], row["gain_high"])


def _signed(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    if pd.isna(value):
        return "–"
    interval = "" if pd.isna(low) else f" ({low:+.{digits}f} to {high:+.{digits}f})"
    return f"{value:+.{digits}f}{interval}"
