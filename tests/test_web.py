"""The page in a real browser: it says what Python says, of every format, and tells nobody else."""

import base64
import http.client
import re
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import asdict
from urllib.parse import urlsplit

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from distill import explain, images, portable, quantised
from distill.familiar import Familiar
from distill.models import Student
from distill.notice import NOTICE
from distill.onnx_model import OnnxModel
from distill.weights import Header
from tests.browser import ANSWERED, Browser, missing
from tests.test_web_arithmetic import slow_spread, slow_windows
from tests.tiny import LONG, ROOT
from tests.web_films import BROKEN, DICOMS, FILES, JPEGS, PNGS, film, save, smooth
from web.assemble import assemble
from web.serve import server

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")

LABELS = ["Edema", "Pleural Effusion", "Fracture", "Überblähung"]
REAL = ROOT.parent / "shared/data"


def network(path, *, size, keep_aspect):
    """Random weights, and a calibration that makes different findings present in different films."""
    generator = np.random.default_rng(size)
    torch.manual_seed(size)
    student = Student(outputs=len(LABELS), grid=1).eval()
    shapes = generator.integers(40, 120, (300, 2))
    films = [Image.fromarray(smooth(generator, *shape)) for shape in shapes]
    films = np.stack([images.square(film, size=size, keep_aspect=keep_aspect) for film in films])
    with torch.no_grad():
        logits, _ = student((torch.from_numpy(films)[:, None] / 255 - 0.48) / 0.21)
    scale = 2 / logits.std(0)
    about = {"size": size, "labels": LABELS, "mean": 0.48, "std": 0.21, "study": "random", "seed": size}
    platt = torch.stack([scale, -scale * logits.mean(0)], 1).tolist()
    header = Header(network="student", backbones=[], platt=platt, **about)
    thresholds = dict(zip(LABELS, (0.5, 0.1, 0.9, 0.4), strict=True))
    facts = asdict(header) | {"keep_aspect": keep_aspect, "threshold": thresholds, "notice": NOTICE}
    familiar = Familiar(size).fit(films[:200], films[200:])
    portable.save(path, portable.exported(portable.Portable(student, header, familiar), size=size), facts)
    return path


@pytest.fixture(scope="module", params=[(64, False), (63, True)], ids=["stretched", "padded"])
def model(request, tmp_path_factory):
    """One file that `make` could have produced, as Python reads it; `address` is that of the page with it."""
    size, keep_aspect = request.param
    folder = tmp_path_factory.mktemp("web")
    path = network(folder / "student.onnx", size=size, keep_aspect=keep_aspect)
    assemble(path, folder / "site")
    made = OnnxModel(path)
    with server(folder / "site", 0) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        made.address, made.site = f"http://127.0.0.1:{page.server_port}/", folder / "site"
        yield made
        page.shutdown()


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    assert browser("complaints") == []  # of scripts and of the security policy, by every test here
    browser.close()


@pytest.fixture(scope="module")
def opened(browser, model):
    """The page, opened once for many films."""
    browser.open(model.address)
    return browser


@pytest.fixture
def page(browser, model):
    """The page freshly opened."""
    browser.open(model.address)
    yield browser
    browser("cut", False)


SQUARE = """async ({base64, size, keepAspect}) => {
  const [{ grey }, { square }] = await Promise.all([import("/grey.js"), import("/square.js")]);
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return [...square(await grey(new File([bytes], "film")), size, keepAspect)];
}"""


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_prepares_to_the_bit(opened, model, tmp_path, name):
    path = FILES[name](tmp_path / "film")
    expected = model.pixels(images.grey(path))
    content = base64.b64encode(path.read_bytes()).decode()
    asked = {"base64": content, "size": model.size, "keepAspect": model.facts["keep_aspect"]}
    assert np.array_equal(np.reshape(opened("evaluate", SQUARE, asked), expected.shape), expected)


def agrees(said, model, path):
    """The page's answer is Python's, and it is an answer."""
    expected = model.answer(path)
    assert said["error"] == "" and set(said["probabilities"]) == set(model.labels)
    got = [said["probabilities"][label] for label in model.labels]
    assert np.abs(got - expected.probabilities).max() < 1e-3
    assert set(said["present"]) == {
        label for label, present in zip(model.labels, expected.present, strict=True) if present
    }
    assert ("Unlike" in said["warning"]) == (expected.unfamiliar > 1)
    return expected


def test_answers_are_pythons(opened, model, tmp_path):
    seen = []
    for number, (name, write) in enumerate(FILES.items()):
        path = write(tmp_path / f"{number}")
        seen.append(agrees(opened.read(path, until=ANSWERED), model, path))
        assert f"{number} – " in opened.said()["status"], name
    probabilities = np.array([answer.probabilities for answer in seen])
    assert (np.ptp(probabilities, 0) > 0.05).all()  # else any answer would do
    assert {answer.unfamiliar > 1 for answer in seen} == {True, False}
    assert 0 < np.mean([answer.present for answer in seen]) < 1


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no {REAL}")
def test_answers_of_real_films_are_pythons(opened, model):
    folders = defaultdict(list)
    for path in sorted(REAL.rglob("*")):
        if path.suffix in (".png", ".jpg", ".jpeg"):
            folders[path.parent].append(path)
    films = [path for paths in folders.values() for path in paths[:: max(1, len(paths) // (40 if LONG else 4))]]
    assert films
    for path in films:
        agrees(opened.read(path, until=ANSWERED), model, path)


def slow_map(model, pixels):
    """By how much each label's log-odds fall, mean over the windows that hide a pixel: (K, H, H)."""
    whole, falls, (side, corners) = log_odds(model, pixels), [], slow_windows(model.size)
    for top, left in corners:
        hidden = pixels.copy()
        hidden[top : top + side, left : left + side] = round(model.facts["mean"] * 255)
        falls.append(whole - log_odds(model, hidden))
    return np.stack([slow_spread(of_label, model.size) for of_label in np.transpose(falls)])


def log_odds(model, pixels):
    probabilities = model.run(pixels[None])[0][0].astype(float).clip(1e-6, 1 - 1e-6)
    return np.log(probabilities / (1 - probabilities))


HEAT = """() => {
  const heat = document.getElementById("heat");
  const colours = heat.getContext("2d").getImageData(0, 0, heat.width, heat.height).data;
  return [...colours].filter((_, n) => n % 4 === 3);
}"""
CHOOSE = (
    """(label) => [...document.querySelectorAll(".finding input")].find((radio) => radio.value === label).click()"""
)


def test_the_map_is_that_of_explain_and_of_a_slow_reference(opened, model, tmp_path):
    path = save(tmp_path / "film.png", film(seed=5))
    opened.read(path)
    pixels = model.pixels(images.grey(path))
    maps = slow_map(model, pixels)
    assert np.allclose(explain.falls(model, pixels)[1], maps, atol=1e-4)  # the two round float32 at other places
    for label, values in zip(model.labels, maps, strict=True):
        opened("evaluate", CHOOSE, label)
        opacity = np.reshape(opened("evaluate", HEAT), values.shape)
        expected = 0.8 * 255 * values.clip(0) / values.max()
        assert np.abs(opacity - expected).max() < 1
        assert label in opened.said()["caption"]
        strongest = opened("evaluate", "() => document.getElementById('strongest').textContent")
        assert strongest == f"−{values.max():.2f} log-odds"


def test_the_most_probable_finding_present_is_explained_first(opened, model, tmp_path):
    chosen, most_probable = set(), set()
    for seed in range(12):
        path = save(tmp_path / f"{seed}.png", film(seed=seed))
        said, answer = opened.read(path), model.answer(path)
        candidates = np.flatnonzero(answer.present) if answer.present.any() else np.arange(len(LABELS))
        expected = LABELS[max(candidates, key=answer.probabilities.__getitem__)]
        assert said["chosen"] == expected and said["caption"].startswith(f"Why {expected}?")
        chosen.add(expected)
        most_probable.add(expected == LABELS[answer.probabilities.argmax()])
    assert len(chosen) > 1 and most_probable == {True, False}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_shows_one_message_and_no_result(opened, tmp_path, name):
    assert opened.read(save(tmp_path / "whole.png", film()))["probabilities"]
    write, reason = BROKEN[name]
    path = write(tmp_path / "film")
    said = opened.read(path)
    assert said["error"].startswith(f"“{path.name}” ") and reason in said["error"] and len(said["error"]) < 200
    assert (said["probabilities"], said["status"], said["caption"], said["warning"]) == ({}, "", "", "")
    recovered = opened.read(tmp_path / "whole.png")
    assert recovered["error"] == "" and recovered["probabilities"]


def test_no_request_leaves_this_machine_and_the_network_is_not_needed(page, model, tmp_path):
    before = page("requests")
    page("cut", True)
    for number, write in enumerate((PNGS["16 bits"], JPEGS["colour"], DICOMS["window"])):
        path = write(tmp_path / f"{number}")
        agrees(page.read(path), model, path)
    assert page("requests") == before  # reading asks for nothing, not even from here
    assert f"{model.address}model.onnx" in before
    assert {urlsplit(address).hostname for address in before} == {"127.0.0.1"}


TELL = """new Promise((resolve) => {
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    resolve(`${effectiveDirective} forbids ${blockedURI}`);
  });
  fetch("http://127.0.0.2:9/").catch(() => setTimeout(() => resolve("nothing forbids it"), 500));
})"""
TELL_FROM_WORKER = """() => new Promise((resolve) => {
  new Worker("probe.js", { type: "module" }).onmessage = ({ data }) => resolve(data);
})"""


@pytest.mark.parametrize("ask", [f"() => {TELL}", TELL_FROM_WORKER], ids=["page", "worker"])
def test_the_policy_forbids_to_tell_anybody(browser, model, ask):
    (model.site / "probe.js").write_text(f"postMessage(await {TELL})")  # in the place of worker.js
    browser.open(model.address)
    assert browser("evaluate", ask) == "connect-src forbids http://127.0.0.2:9/"
    browser.forgive("Content Security Policy")


def test_by_keyboard_alone(page, model, tmp_path):
    path = save(tmp_path / "film.png", film())
    focused = "() => document.activeElement.id || document.activeElement.value"
    page("press", "Tab")
    assert page("evaluate", focused) == "file" and ring(page) == "solid"
    page("chooseByKey", "Enter", str(path))
    page.wait("explained")
    page("press", "Tab")
    assert page("evaluate", focused) == "show"
    page("press", "Space")
    assert page("evaluate", "() => getComputedStyle(document.getElementById('heat')).visibility") == "hidden"
    page("press", "Tab")
    first = page.said()["chosen"]
    assert page("evaluate", focused) == first and ring(page) == "solid"
    page("press", "ArrowDown")
    second = page.said()
    assert second["chosen"] != first and second["caption"].startswith(f"Why {second['chosen']}?")
    page("press", "Shift+Tab")
    page("press", "Shift+Tab")
    assert page("evaluate", focused) == "file"


def ring(page):
    """The style of the outline around what has the focus, or around its label."""
    return page("evaluate", RING)


RING = """() => {
  const focused = document.activeElement;
  return [focused, focused.nextElementSibling, focused.closest("label")]
    .filter((element) => element?.checkVisibility({ opacityProperty: true }))
    .map((element) => getComputedStyle(element).outlineStyle)
    .find((style) => style === "solid");
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_the_screen_and_is_legible(browser, model, tmp_path, width, scheme):
    browser.open(model.address, width=width, height=740, colorScheme=scheme)
    path = save(tmp_path / f"{'a-long-name-without-any-space' * 4}.png", np.zeros((40, 90), np.uint8))
    assert "Unlike" in browser.read(path)["warning"]
    contrasts(browser)
    assert browser("evaluate", "() => document.documentElement.scrollWidth") <= width
    browser.read(BROKEN["a text"][0](tmp_path / ("x" * 120)))
    assert browser("evaluate", "() => document.documentElement.scrollWidth") <= width
    contrasts(browser)


def contrasts(browser):
    """WCAG 2.2 AA, 1.4.3: 4.5 to 1 for every text that is shown."""
    texts = browser("evaluate", TEXTS)
    assert len(texts) > 10
    for text, front, back in texts:
        light, dark = sorted((luminance(front), luminance(back)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, front, back)


def luminance(css):
    values = np.array([int(number) for number in re.findall(r"\d+", css)[:3]]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


TEXTS = """() => {
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return colour.startsWith("rgba(0, 0, 0, 0") ? behind(element.parentElement) : colour;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => [element.textContent, getComputedStyle(element).color, behind(element)]);
}"""


def test_results_are_announced(opened, tmp_path):
    opened.read(save(tmp_path / "film.png", film()))
    roles = "() => ['status', 'error'].map((id) => document.getElementById(id).getAttribute('role'))"
    assert opened("evaluate", roles) == ["status", "alert"]
    unnamed = """() => [...document.querySelectorAll("input, progress, canvas, [role=img]")]
      .filter((element) => !element.labels?.length && !element.ariaLabel && !element.closest("[role=img][aria-label]"))
      .map((element) => element.outerHTML)"""
    assert opened("evaluate", unnamed) == []


TOGETHER = """(films) => {
  const status = document.getElementById("status");
  window.told = [];
  new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
  for (const base64 of films) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], `${films.indexOf(base64)}.png`));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def test_nothing_is_said_of_a_file_that_a_newer_one_has_replaced(page, model, tmp_path):
    paths = [save(tmp_path / f"{seed}.png", film(seed=seed)) for seed in range(4)]
    page("evaluate", TOGETHER, [base64.b64encode(path.read_bytes()).decode() for path in paths])
    page.wait("explained")
    agrees(page.said(), model, paths[-1])
    answers = [text for text in page("evaluate", "() => told") if " – " in text]
    assert len(answers) == 1 and "3.png – " in answers[0]


def test_the_same_file_can_be_chosen_again(opened, model, tmp_path):
    path = save(tmp_path / "film.png", film(seed=1))
    opened.read(path)
    save(path, film(seed=2))
    agrees(opened.read(path), model, path)


DROP = """({base64, names, at}) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  for (const each of names) dataTransfer.items.add(new File([bytes], each));
  const target = document.querySelector(at);
  const kept = ["dragover", "drop"].map((kind) => target.dispatchEvent(
    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true })));
  return kept.includes(true);
}"""


@pytest.mark.parametrize("place", ["#chooser", "footer"])
def test_a_film_can_be_dropped_anywhere(page, model, tmp_path, place):
    path = save(tmp_path / "film.png", film(seed=1))
    content = base64.b64encode(path.read_bytes()).decode()
    assert page("evaluate", DROP, {"base64": content, "names": ["dropped.png"], "at": place}) is False  # no navigation
    page.wait("explained")
    agrees(page.said(), model, path)
    assert page("evaluate", DROP, {"base64": "", "names": [], "at": place}) is False  # a text: neither taken nor opened
    assert page.said()["error"] == ""


@pytest.mark.parametrize(("content", "state", "place"), [(film, "explained", "status"), (None, "failed", "error")])
def test_of_several_films_the_page_says_that_it_looked_at_the_first(page, tmp_path, content, state, place):
    path = save(tmp_path / "film.png", content(seed=1)) if content else None
    encoded = base64.b64encode(path.read_bytes() if path else b"no image").decode()
    page("evaluate", DROP, {"base64": encoded, "names": ["a.png", "b.png", "c.png"], "at": "footer"})
    page.wait(state)
    said = page("evaluate", f"() => document.getElementById('{place}').innerText")
    assert said.lstrip("“").startswith("a.png") and said.endswith(". Of 3 files only the first was looked at.")


def test_the_8_bit_file_says_what_it_says_in_python(browser, model, tmp_path):
    small, kept = tmp_path / "small.onnx", tmp_path / "kept.onnx"
    shutil.copy(model.site / "model.onnx", kept)
    noise = np.random.default_rng(0).integers(0, 256, (64, model.size, model.size), np.uint8)
    portable.save(small, quantised.quantised(kept, noise), model.facts)
    shutil.copy(small, model.site / "model.onnx")
    try:
        browser.open(model.address)
        path = save(tmp_path / "film.png", film(seed=1))
        agrees(browser.read(path), OnnxModel(small), path)
    finally:
        shutil.copy(kept, model.site / "model.onnx")


def test_what_the_network_is_stands_on_the_page(opened, model):
    text = opened("evaluate", "() => document.body.innerText")
    assert "Not for clinical use." in text and "stays on this device" in text
    assert "“random”" in text and f"{model.size} × {model.size} pixels" in text


def test_scores_on_test_stand_on_the_page_where_the_model_has_them(browser, model, tmp_path):
    with_scores = tmp_path / "scored.onnx"
    scores = {"auroc": {"macro": 0.8696, "macro_low": 0.8537, "macro_high": 0.8846}, "images": 1500}
    portable.save(with_scores, loaded(model), model.facts | {"test": scores})
    (model.site / "model.onnx").rename(tmp_path / "kept.onnx")
    shutil.copy(with_scores, model.site / "model.onnx")
    try:
        browser.open(model.address)
        text = browser("evaluate", "() => document.getElementById('about').innerText")
        assert "0.870 (95 %: 0.854 to 0.885)" in text and "1,500" in text and "F1" not in text
    finally:
        shutil.copy(tmp_path / "kept.onnx", model.site / "model.onnx")


def loaded(model):
    return onnx.load_model_from_string((model.site / "model.onnx").read_bytes())


@pytest.mark.parametrize("content", [None, b"", b"no network"])
def test_a_page_without_its_network_says_so(browser, model, tmp_path, content):
    kept = (model.site / "model.onnx").read_bytes()
    (model.site / "model.onnx").unlink()
    if content is not None:
        (model.site / "model.onnx").write_bytes(content)
    try:
        browser.open(model.address)
        browser("evaluate", DROP, {"base64": "", "names": ["dropped.png"], "at": "footer"})  # there is nobody to ask
        assert browser.said()["error"].startswith("The network could not be loaded: ")
        browser.forgive("404")
    finally:
        (model.site / "model.onnx").write_bytes(kept)


IMPORT = re.compile(rb"""^(?:import|export)\b(?:[^;"'(){]|\{[^}]*\})*\bfrom\s*["']([^"']+)["']""", re.MULTILINE)


def test_the_folder_needs_nothing_else(model):
    ours = [path for path in model.site.rglob("*.js") if path.name != "ort.wasm.bundle.min.mjs"]
    targets = [(path, target.decode()) for path in ours for target in IMPORT.findall(path.read_bytes())]
    assert len(targets) > 30
    for path, target in targets:
        assert target.startswith(".") and (path.parent / target).is_file(), (path, target)


def test_the_folder_serves_itself_elsewhere(model, tmp_path):
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


def test_without_a_model_make_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "web.assemble", tmp_path / "absent.onnx"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/absent.onnx is not there: run `make` first\n")


def test_the_lock_names_no_host():
    lock = (ROOT / "web/package-lock.json").read_text()
    assert '"resolved"' not in lock and lock.count('"integrity"') > 5
