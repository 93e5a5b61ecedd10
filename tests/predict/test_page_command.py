"""`rayling page`: the folder that it writes, and what it refuses. What the page does is in tests/web."""

import json

import pytest

from rayling.page import __main__ as command
from rayling.page import site
from rayling.predict.model import OnnxModel


@pytest.fixture
def page(folder, tmp_path, monkeypatch, capsys):
    """`rayling page` with these arguments, on a page of one file: its status and what it printed."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/index.html").write_text("the page")
    monkeypatch.setattr(site.write, "__kwdefaults__", {"files": tmp_path / "files"})
    monkeypatch.chdir(folder)

    def run(*arguments):
        status = command.main(list(map(str, arguments)))
        return status, capsys.readouterr()

    return run


def test_the_folder_holds_the_page_and_one_network_and_is_replaced(page, tmp_path):
    for name in ("student", "exclusive"):
        assert page(f"{name}.onnx", tmp_path / "out")[0] == 0
        assert OnnxModel(tmp_path / "out/model.onnx").facts == json.loads((tmp_path / "out/model.json").read_text())
        assert OnnxModel(tmp_path / "out/model.onnx").labels == OnnxModel(f"{name}.onnx").labels
        assert (tmp_path / "out/index.html").read_text() == "the page"


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("absent.onnx", "absent.onnx: not an exported network: No such file or directory"),
        ("broken.png", "broken.png: not an exported network"),
        ("student.onnx", "films: found something else than a page; expected a new folder, or an older page"),
    ],
)
def test_what_is_no_network_is_refused_and_what_is_no_page_is_not_replaced(page, tmp_path, model, line):
    (tmp_path / "films").mkdir()
    (tmp_path / "films/patient.dcm").write_text("the only copy")
    status, said = page(model, tmp_path / "films")
    assert status == 2 and line in said.err and said.err.count("\n") == 1
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["patient.dcm"]


def test_without_the_files_of_the_page_it_says_where_they_come_from(page, tmp_path):
    (tmp_path / "files/index.html").unlink()
    status, said = page("student.onnx", tmp_path / "out")
    assert status == 2 and "found no page; expected it: install the wheel that `make wheel` builds" in said.err
    assert not (tmp_path / "out").exists()
