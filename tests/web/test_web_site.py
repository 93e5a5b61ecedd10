"""The folder that `rayling page` writes: complete, and served by the script in it."""

import gzip
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rayling.predict.model import OnnxModel
from tests.browser import missing
from tests.tiny import ROOT

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


def test_large_files_are_sent_compressed_to_those_who_take_it(model):
    name, whole = "vendor/ort-wasm-simd-threaded.wasm", {}
    connection = http.client.HTTPConnection(urlsplit(model.address).netloc, timeout=10)
    for encoding in ("gzip, br", "identity"):
        connection.request("GET", f"/{name}", headers={"Accept-Encoding": encoding})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/wasm"
        whole[answer.headers["Content-Encoding"]] = answer.read()
    assert gzip.decompress(whole["gzip"]) == whole[None] == (model.site / name).read_bytes()
    assert len(whole["gzip"]) < 0.4 * len(whole[None])


def test_the_lock_file_names_no_host():
    lock = (ROOT / "web/package-lock.json").read_text()
    assert '"resolved"' not in lock and lock.count('"integrity"') > 5


def set_up():
    return subprocess.run(["make", "--question", "setup"], cwd=ROOT, capture_output=True).returncode == 0


@pytest.mark.skipif(not set_up(), reason="`make setup` was not run since requirements.txt changed")
def test_the_command_of_the_readme_opens_the_page_in_a_fresh_shell(model):
    (command,) = set(re.findall(r"`(make web)`", (ROOT / "README.md").read_text("utf-8")))
    environment = {"PATH": os.defpath + ":/usr/local/bin", "HOME": os.environ["HOME"]}
    fresh = {"shell": True, "cwd": ROOT, "env": environment, "start_new_session": True, "text": True}
    with subprocess.Popen(f"{command} MODEL={model.path} PORT=0", stdout=subprocess.PIPE, **fresh) as process:
        try:
            host = next(found for line in process.stdout if (found := re.match(r"http://(\S+?)/ ", line)))[1]
            connection = http.client.HTTPConnection(host, timeout=10)
            connection.request("GET", "/model.json")
            assert json.loads(connection.getresponse().read()) == model.facts
        finally:
            os.killpg(process.pid, signal.SIGINT)
