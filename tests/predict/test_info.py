"""`rayling info`: what the file of a network says of itself."""

import json
import subprocess
from hashlib import sha256

import onnx
import pytest

from rayling.predict import info
from rayling.predict.model import OnnxModel
from tests.predict.test_predict_process import shell


def test_text_holds_digest_labels_and_thresholds(folder, capsys):
    path = str(folder / "student.onnx")
    assert info.main([path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert subprocess.run(["sha256sum", path], capture_output=True, text=True).stdout.split()[0] in lines[1]
    assert "`predict` decides by f1=max" in "\n".join(lines)
    (row,) = [line.split() for line in lines if "naïve" in line]
    assert row == ["naïve", "50.0%", "1.0%"]  # f1=max, sensitivity=0.95
    assert lines[-1] == OnnxModel(path).facts["notice"]


def test_exclusive_labels_have_no_thresholds(folder, capsys):
    assert info.main([str(folder / "exclusive.onnx")]) == 0
    said = capsys.readouterr().out
    assert "the most probable one is the answer" in said and "%" not in said


def test_scores_on_test_are_printed_where_the_file_has_them(folder, tmp_path, capsys):
    model = onnx.load(folder / "student.onnx")
    entry = model.metadata_props.add()
    score = {"macro": 0.81234, "macro_low": 0.7, "macro_high": None}
    found = {"images": 1234, "patients": 99, "auroc": score | {"macro_high": 0.9}, "f1": {"macro": None}}
    entry.key, entry.value = "test", json.dumps(found | {"average_precision": score})
    onnx.save(model, tmp_path / "scored.onnx")
    assert info.main([str(tmp_path / "scored.onnx")]) == 0
    said = capsys.readouterr().out
    assert "1,234 images of 99 patients" in said
    assert "AUROC              0.812 (0.700 to 0.900)" in said and "average precision  0.812\n" in said
    assert "F1" not in said


def test_json_is_all_of_the_metadata(folder, capsys):
    path = str(folder / "student.onnx")
    assert info.main([path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("sha256") == sha256((folder / "student.onnx").read_bytes()).hexdigest()
    assert found.pop("model") == path
    assert found == OnnxModel(path).facts


@pytest.mark.parametrize("name", ["broken.png", "absent.onnx", "images"])
def test_another_file_is_refused_in_one_line(folder, name):
    done = shell(folder, f"python -m rayling info {name}")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {name}: not an exported network") and done.stderr.count("\n") == 1
