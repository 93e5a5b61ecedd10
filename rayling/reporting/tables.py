"""The tables and sentences of the report and the model card, made from `metrics/`.

`scores` are the metrics of the three networks by name, `export`, `latency`, `controls` and `prepare` those of the
stages. A table is a list of rows of text, the first of which is the head.
"""

from rayling.reporting.page import Table, number, signed

ENDS = ("_low", "_high")  # of the keys of an interval
NETWORKS = ("teacher", "assistant", "student")


def summary_sentences(scores: dict[str, dict], latency: dict, export: dict) -> str:
    """The result in two sentences, or three for classes that exclude one another."""
    student, teacher = scores["student"], scores["teacher"]
    size = f"{student['parameters']:,} parameters, {export['float32']['bytes'] / 1000:,.0f} kB"
    images = f"{student['images']:,} images of {student['patients']:,} patients"
    times = [f"{latency[name]['p50_ms']:.2f}" for name in ("student", "teacher")]
    return (
        f"The student ({size}) reaches a macro AUROC of {_macro(student['auroc'])} on {images}, the teacher "
        f"({teacher['parameters']:,} parameters) {_macro(teacher['auroc'])}. {_accuracy_sentence(student, teacher)}"
        f"On one thread of a CPU an image takes the student {times[0]} ms and the teacher {times[1]} ms."
    )


def _accuracy_sentence(student: dict, teacher: dict) -> str:
    if not is_exclusive(student):
        return ""
    own, teachers, constant = (_accuracy(of, "accuracy") for of in (student, teacher, student["constant"]))
    answer = student["constant"]["answers"]
    return f"Its accuracy is {own}, the teacher's {teachers}, that of always answering {answer} {constant}. "


def is_exclusive(scores: dict) -> bool:
    """Whether the scores of a network are of classes that exclude one another."""
    return "accuracy" in scores


def _accuracy(scores: dict, name: str) -> str:
    return number(scores[name], *(scores.get(f"{name}{end}") for end in ENDS))


def data_table(prepare: dict) -> Table:
    """A column for each split: its images and patients, and its images with each label."""
    images, patients = prepare["images"], prepare["patients"]
    labels = next(iter(images.values()))["positive"]
    totals = [["images", *(f"{counts['all']:,}" for counts in images.values())]]
    totals += [["patients", *(f"{patients[split]['all']:,}" for split in images)]]
    rows = [[label, *(_positive(counts, label) for counts in images.values())] for label in labels]
    return [["", *images], *totals, *rows]


def _positive(images: dict, label: str) -> str:
    unknown = images["unknown"].get(label)
    return f"{images['positive'][label]:,}" + (f" ({unknown:,} unknown)" if unknown else "")


def left_out_sentence(prepare: dict) -> str:
    """How many images were left out, and why."""
    reasons = {reason: count for reason, count in prepare["left_out"].items() if reason != "all"}
    if not reasons:
        return "No image was left out."
    return "Left out: " + ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items()) + "."


def network_table(scores: dict[str, dict], latency: dict, export: dict) -> Table:
    """A row for each network: its scores, size and time per image."""
    shown = {name: _scores(scores[name]) for name in NETWORKS}
    head = ["", *shown["student"], "parameters", "multiply-adds", "ms per image"]
    sizes = {name: [f"{scores[name]['parameters']:,}", f"{scores[name]['macs']:,}"] for name in NETWORKS}
    rows = [[name, *shown[name].values(), *sizes[name], _time(latency[name])] for name in NETWORKS]
    int8 = [number(export["int8"]["auroc"]), *["–"] * (len(shown["student"]) - 1)]
    return [head, *rows, ["student in 8 bits", *int8, *sizes["student"], _time(latency["student.int8"])]]


def _scores(scores: dict) -> dict[str, str]:
    """What the table shows of a network's scores, by the names in its head."""
    names = {"auroc": "AUROC", "average_precision": "average precision", "f1": "F1"}
    accuracies = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"} if is_exclusive(scores) else {}
    return {
        **{name: _macro(scores[key]) for key, name in names.items()},
        **{name: _accuracy(scores, key) for key, name in accuracies.items()},
        "calibration error": number(scores["calibration_error"]["macro"]),
    }


def _time(found: dict) -> str:
    return f"{found['p50_ms']:.2f} ({found['p99_ms']:.2f})"


def latency_note(latency: dict) -> str:
    """How the times were measured."""
    return (
        f"Times are those of the exported files for one image on one thread of {latency['machine']}: the median and, "
        "in brackets, the 99th percentile, which with few images is nearly the maximum. They differ from run to run."
    )


def difference_table(controls: dict) -> Table:
    """A row for each network that the student is compared with: what the student has more, and the interval."""
    names = {"auroc": "AUROC", "average_precision": "average precision", "accuracy": "accuracy"}
    found = {f"student less {name}": controls[f"student_minus_{name}"] for name in ("teacher", "assistant")}
    shown = [score for score in names if score in controls["student_minus_teacher"]]
    rows = [
        [name, *(signed(*(less[f"{score}{end}"] for end in ("", *ENDS))) for score in shown)]
        for name, less in found.items()
    ]
    return [["", *(names[score] for score in shown)], *rows]


def control_table(controls: dict) -> Table:
    """A row for each control and each network."""
    keys = ("auroc", "average_precision", "f1")
    names = [name for name in controls["auroc"] if not name.endswith(ENDS)]
    rows = [[name.replace("_", " "), *(number(controls[key].get(name)) for key in keys)] for name in names]
    return [["", "AUROC", "average precision", "F1"], *rows]


def file_table(export: dict) -> Table:
    """A row for each exported file of the student."""
    full, small = export["float32"], export["int8"]
    change = signed(*(small.get(f"auroc_change{end}") for end in ("", *ENDS)), digits=4)
    head = ["", "bytes", "largest difference of a probability", "AUROC", "change in AUROC", "decisions that change"]
    rows = [["student.onnx", *_file(full), "–"], ["student.int8.onnx", *_file(small), change]]
    return [head, *([*row, _changed(of)] for row, of in zip(rows, (full, small), strict=True))]


def _file(found: dict) -> list[str]:
    largest = found["largest_difference"]
    return [f"{found['bytes']:,}", f"{largest:.6f}" if largest else "below 0.000001", number(found["auroc"], digits=4)]


def _changed(found: dict) -> str:
    share, *ends = (found.get(f"changed_decisions{end}") for end in ("", *ENDS))
    return _percent(share) + ("" if None in ends else " ({}–{})".format(*map(_percent, ends)))


def out_of_distribution_sentence(export: dict) -> str:
    """The share of each kind of images that the out-of-distribution check rejects."""
    rates = export["out_of_distribution"].items()
    return ", ".join(f"{_percent(rate)} of {name.replace('_', ' ')}" for name, rate in rates)


def _percent(share: float) -> str:
    """A share in per cent that reads 0 or 100 only if it is."""
    if 0 < share < 0.0005:
        return "below 0.1%"
    return "above 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def _macro(score: dict) -> str:
    return number(score["macro"], score.get("macro_low"), score.get("macro_high"))
