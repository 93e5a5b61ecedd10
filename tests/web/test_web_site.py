"""The folder that `web.assemble` writes: complete, and served by the script in it."""

import http.client
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rayling.predict.model import OnnxModel
from tests.browser import missing
from tests.tiny import ROOT
from web import assemble as assembler

pytestmark = [pytest.mark.web, pytest.mark.skipif(missing() is not None, reason=missing() or "")]

IMPORT = re.compile(rb"""^(?:import|export)\b(?:[^;"'(){]|\{[^}]*\})*\bfrom\s*["']([^"']+)["']""", re.MULTILINE)


def test_the_folder_holds_the_facts_of_the_model(model):
    assert json.loads((model.site / "model.json").read_text("utf-8")) == OnnxModel(model.site / "model.onnx").facts
    assert (model.site / "model.onnx").read_bytes() == Path(model.path).read_bytes()


def test_all_imports_are_in_the_folder(model):
    ours = [path for path in model.site.rglob("*.js") if path.name != "ort.wasm.bundle.min.mjs"]
    targets = [(path, target.decode()) for path in ours for target in IMPORT.findall(path.read_bytes())]
    assert len(targets) > 30
    for path, target in targets:
        assert target.startswith(".") and (path.parent / target).is_file(), (path, target)


def test_a_copy_of_the_folder_serves_itself(model, tmp_path):
    shutil.copytree(model.site, tmp_path / "usb")
    command = [sys.executable, "-I", tmp_path / "usb/serve.py", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        host = re.match(r"http://(127\.0\.0\.1:\d+)/ ", process.stdout.readline())[1]
        connection = http.client.HTTPConnection(host, timeout=10)
        kinds = {}
        for name in ("/", "/main.js", "/vendor/ort.wasm.bundle.min.mjs", "/vendor/ort-wasm-simd-threaded.wasm"):
            connection.request("GET", name)
            answer = connection.getresponse()
            kinds[name] = (answer.status, answer.headers["Content-Type"])
            answer.read()
        taken = subprocess.run([*command[:-1], host.split(":")[1]], capture_output=True, text=True)
        process.terminate()
    assert list(kinds.values()) == [
        (200, "text/html"),
        (200, "text/javascript"),
        (200, "text/javascript"),
        (200, "application/wasm"),
    ]
    assert taken.returncode == 1 and taken.stderr.count("\n") == 1 and "choose another" in taken.stderr


def test_without_a_model_the_message_names_make(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "web.assemble", tmp_path / "absent.onnx"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/absent.onnx is not there: run `make` first\n")


def test_a_file_that_is_not_an_exported_network_is_refused(tmp_path):
    (tmp_path / "other.onnx").write_bytes(b"version https://git-lfs")
    with pytest.raises(SystemExit, match=r"other\.onnx: not an exported network"):
        assembler.main(str(tmp_path / "other.onnx"))


def test_the_lock_file_names_no_host():
    lock = (ROOT / "web/package-lock.json").read_text()
    assert '"resolved"' not in lock and lock.count('"integrity"') > 5
