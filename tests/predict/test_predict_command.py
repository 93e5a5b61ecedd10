"""The command `python -m rayling.predict`: what it prints, and the exit status that `main` returns."""

import csv
import io
import json
import os
import shutil
import sys
from pathlib import Path

import pydicom
import pytest

from rayling.predict import __main__
from rayling.predict.answers import answer
from rayling.predict.model import OnnxModel


def expected(folder, path):
    return answer(OnnxModel(folder / "student.onnx"), folder / path)


def images_in(stdout):
    """The column `image` of a CSV."""
    return [row["image"] for row in csv.DictReader(io.StringIO(stdout))]


def test_the_table_shows_probability_decision_and_threshold_of_each_label(folder, predict):
    done = predict("student.onnx", "images/a.png")
    assert (done.status, done.stderr) == (0, "")
    first, *rows, last = (line for line in done.stdout.splitlines() if "!" not in line)
    probability, _ = expected(folder, "images/a.png").probabilities
    assert first == "images/a.png" and last == "Not for clinical use."
    assert rows[0].split() == ["left,", "the", f"{probability:.1%}", "PRESENT", "(from", "50.0%)"]
    assert rows[1].split()[0] == "naïve" and rows[1].split()[2] == "absent"


def test_another_operating_point_decides_by_its_thresholds(folder, predict):
    usual, asked = (
        predict("student.onnx", "images/a.png", *more) for more in ([], ["--operating-point", "sensitivity=0.95"])
    )
    assert usual.stdout.splitlines()[-2] == "Operating point: f1=max."
    assert asked.stdout.splitlines()[-2] == "Operating point: sensitivity=0.95."
    assert usual.stdout.count("PRESENT") == 1 and asked.stdout.count("PRESENT  (from 1.0%)") == 2
    found = json.loads(
        predict("student.onnx", "images/a.png", "--json", "--operating-point", "sensitivity=0.95").stdout
    )
    assert found["operating_point"] == "sensitivity=0.95"
    assert [each["threshold"] for each in found["findings"].values()] == [0.01, 0.01]
    assert "Operating point" not in predict("exclusive.onnx", "images/a.png").stdout


def test_an_operating_point_that_the_file_lacks_is_refused_with_those_that_it_has(folder, predict):
    done = predict("student.onnx", "images/a.png", "--operating-point", "sensitivity=0.5")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "found no operating point 'sensitivity=0.5', expected one of f1=max, sensitivity=0.95\n"
    )


def test_json_and_csv_agree_and_keep_the_order_of_the_names(folder, predict):
    objects = [json.loads(line) for line in predict("student.onnx", "images", "--json").stdout.splitlines()]
    rows = list(csv.DictReader(io.StringIO(predict("student.onnx", "images", "--csv").stdout)))
    names = [f"images/{name}" for name in ("a.png", "d.jpg", "deep/b.jpeg", "deep/c.png")]
    assert [entry["image"] for entry in objects] == [row["image"] for row in rows] == names
    for entry, row in zip(objects, rows, strict=True):
        found = expected(folder, entry["image"])
        assert "Not for clinical use" in entry["notice"] and row["notice"] == entry["notice"]
        assert entry["out_of_distribution"] == float(row["out_of_distribution"]) == found.distance
        assert entry["in_distribution"] == bool(int(row["in_distribution"])) == (found.distance <= 1)
        for (label, finding), probability in zip(entry["findings"].items(), found.probabilities, strict=True):
            assert abs(finding["probability"] - probability) < 1e-6 and abs(float(row[label]) - probability) < 1e-6
            assert finding["present"] == bool(int(row[f"{label} present"])) == (probability >= finding["threshold"])


def test_of_exclusive_labels_the_most_probable_one_is_the_answer_in_each_format(folder, predict):
    probabilities = answer(OnnxModel(folder / "exclusive.onnx"), folder / "images/a.png").probabilities
    assert probabilities.max() < 0.5 and abs(probabilities.sum() - 1) < 1e-6
    labels = ["left, the", "naïve", "third", "fourth"]
    best = int(probabilities.argmax())
    _, *rows, _ = (line for line in predict("exclusive.onnx", "images/a.png").stdout.splitlines() if "!" not in line)
    for number, row in enumerate(rows):
        decision = "  MOST PROBABLE" if number == best else ""
        assert row == f"  {labels[number]:<9}  {probabilities[number]:6.1%}{decision}"
    findings = json.loads(predict("exclusive.onnx", "images/a.png", "--json").stdout)["findings"]
    assert [finding["threshold"] for finding in findings.values()] == [None] * 4
    assert [label for label, finding in findings.items() if finding["present"]] == [labels[best]]
    (row,) = csv.DictReader(io.StringIO(predict("exclusive.onnx", "images/a.png", "--csv").stdout))
    assert [label for label in labels if row[f"{label} present"] == "1"] == [labels[best]]


def test_an_unreadable_image_is_reported_and_the_others_are_answered(predict):
    done = predict("student.onnx", "images/a.png", "broken.png", "absent.png", "images/d.jpg", "--csv")
    assert done.status == 1 and images_in(done.stdout) == ["images/a.png", "images/d.jpg"]
    broken, absent = done.stderr.splitlines()
    assert "broken.png: found text;" in broken and "absent.png: found No such" in absent


@pytest.mark.parametrize("lines", [b"images/d.jpg\n\nimages/a.png\n", b"images/d.jpg\r\nimages/a.png\r\n"])
def test_names_are_read_from_standard_input(predict, lines):
    done = predict("student.onnx", "-", "--csv", stdin=lines)
    assert images_in(done.stdout) == ["images/d.jpg", "images/a.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.onnx", "images"], "absent.onnx: not an exported network: No such file"),
        (["broken.png", "images"], "broken.png: not an exported network"),
        (["/dev/zero", "images"], "/dev/zero: not an exported network: found a folder, a pipe or a device"),
        (["student.onnx", "empty"], "empty: found no image, expected PNG"),
        (["student.onnx", "-"], "-: found no image"),
        (["student.onnx", "images/a.png", "--explain", "x.png", "--beside", "absent.onnx"], "absent.onnx"),
    ],
)
def test_a_mistake_is_reported_in_one_line(predict, arguments, message):
    done = predict(*arguments)
    assert done.status == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1, done.stderr


def test_a_traceback_is_shown_on_request(predict, monkeypatch):
    monkeypatch.setenv("RAYLING_TRACEBACK", "1")
    assert "Traceback" in predict("absent.onnx", "images").stderr
    assert "Traceback" in predict("student.onnx", "broken.png").stderr


def test_a_bug_keeps_its_traceback(predict, monkeypatch):
    monkeypatch.setattr(OnnxModel, "run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict("student.onnx", "images/a.png")


def test_pipes_and_impossible_names_are_reported_and_the_others_are_answered(folder, predict):
    os.mkfifo(folder / "pipe.png")
    done = predict("student.onnx", "pipe.png", "x" * 300, "images/a.png", "--csv")
    (folder / "pipe.png").unlink()
    assert done.status == 1 and images_in(done.stdout) == ["images/a.png"]
    assert "pipe.png: found a pipe" in done.stderr and done.stderr.count("\n") == 2


def test_a_folder_without_images_is_reported_and_the_others_are_answered(predict):
    done = predict("student.onnx", "empty", "images/a.png", "--csv")
    assert done.status == 1 and images_in(done.stdout) == ["images/a.png"]
    assert done.stderr == "error: empty: found no image, expected PNG, JPEG or DICOM files\n"


def test_the_films_of_a_disc_are_answered_and_its_other_dicom_files_are_counted(folder, predict, tmp_path):
    shipped = Path(pydicom.__file__).parent / "data/test_files"
    for name in ("CT_small.dcm", "dicomdirtests/DICOMDIR", "test-SR.dcm", "rtplan.dcm"):
        shutil.copy(shipped / name, tmp_path)
    done = predict("student.onnx", tmp_path, "--csv")
    assert (done.status, images_in(done.stdout)) == (0, [str(tmp_path / "CT_small.dcm")])
    count = "passed over DICOM files that hold no image: 3, the first DICOMDIR (Media Storage Directory)"
    assert done.stderr == f"{tmp_path}: {count}\n"
    done = predict("student.onnx", tmp_path / "test-SR.dcm", "images/a.png", "--csv")
    assert done.status == 1 and images_in(done.stdout) == ["images/a.png"]
    assert "test-SR.dcm: found a DICOM file that holds no image (Comprehensive SR); expected" in done.stderr


def test_a_name_with_control_characters_stays_in_its_line(folder, predict, tmp_path):
    path = tmp_path / "e\x1b]0;x\x07\nf\rr.png"
    shutil.copy(folder / "images/a.png", path)
    plain = predict("student.onnx", "images/d.jpg", "images/a.png").stdout
    table = predict("student.onnx", path, "images/a.png").stdout
    assert "\x1b" not in table and len(table.splitlines()) == len(plain.splitlines())
    assert images_in(predict("student.onnx", path, "images/a.png", "--csv").stdout) == [str(path), "images/a.png"]
    first = predict("student.onnx", path, "images/a.png", "--json").stdout.splitlines()[0]
    assert json.loads(first)["image"] == str(path)


class Terminal(io.StringIO):
    """Text on a screen; `seen` is what a person sees after each carriage return has overwritten its line."""

    def isatty(self):
        return True

    def seen(self):
        lines = [""]
        for part in self.getvalue().replace("\n", "\n\r").split("\r"):
            lines[-1] = part + lines[-1][len(part) :]
            if part.endswith("\n"):
                lines[-1] = part.rstrip()
                lines.append("")
        return [line.rstrip() for line in lines]


@pytest.mark.parametrize("mixed", [True, False], ids=["answers on the same terminal", "answers into a file"])
def test_on_a_terminal_a_progress_bar_is_drawn_and_tears_no_line(folder, predict, monkeypatch, mixed):
    paths = ["images/a.png", "broken.png", "images/d.jpg"]
    plain = predict("student.onnx", *paths)
    terminal, stdout = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", terminal if mixed else stdout)
    monkeypatch.setattr("sys.stdin", None)
    assert __main__.main(["student.onnx", *paths, "--even-if-unfamiliar"]) == 1
    assert "/3 [" in terminal.getvalue() and "image" in terminal.getvalue()
    error = plain.stderr.rstrip("\n")
    shown = [line for line in terminal.seen() if line]
    if mixed:
        assert [line for line in shown if line != error] == plain.stdout.splitlines() and error in shown
    else:
        assert shown == [error] and stdout.getvalue() == plain.stdout
