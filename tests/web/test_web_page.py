"""The page in a real browser: keyboard, screens, contrast, dropped files, messages, and no request to elsewhere."""

import base64
import json
import re
from urllib.parse import urlsplit

import numpy as np
import pytest

from rayling.predict.model import OnnxModel
from tests.browser import missing
from tests.images.dicom_files import recode
from tests.images.dicom_files import write as write_dicom
from tests.web.images import BROKEN, DICOMS, JPEGS, PNGS, save, xray
from tests.web.reference import agrees

pytestmark = [pytest.mark.web, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


def test_no_request_leaves_this_machine_and_reading_works_offline(page, model, tmp_path):
    before = page("requests")
    page("cut", True)
    for number, write in enumerate((PNGS["16 bits"], JPEGS["colour"], DICOMS["window"])):
        path = write(tmp_path / f"{number}")
        agrees(page.read(path), model, path)
    assert page("requests") == before  # reading sends no request, not even to this machine
    assert {f"{model.address}model.onnx", f"{model.address}model.json"} <= set(before)
    assert {urlsplit(address).hostname for address in before} == {"127.0.0.1"}


def test_a_decoder_is_loaded_from_the_page_itself_when_a_film_needs_it(page, model, tmp_path):
    before = len(page("requests"))
    for seed in range(2):
        write_dicom(tmp_path / f"{seed}.dcm", xray(seed=seed))
        agrees(page.read(recode(tmp_path / f"{seed}.dcm", "JPEGLSLossless")), model, tmp_path / f"{seed}.packed")
    assert page("requests")[before:] == [f"{model.address}vendor/charls.{kind}" for kind in ("js", "wasm")]


def test_a_decoder_that_cannot_be_loaded_is_not_the_fault_of_the_film(page, model, tmp_path):
    film = recode(write_dicom(tmp_path / "film", xray()), "JPEG2000Lossless")
    page("cut", True)
    assert "needs a decoder that could not be loaded" in page.read(film)["error"]
    page.forgive("ERR_INTERNET_DISCONNECTED")
    page("cut", False)
    agrees(page.read(film), model, film)


FETCH = """new Promise((resolve) => {
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    resolve(`${effectiveDirective} forbids ${blockedURI}`);
  });
  fetch("http://127.0.0.2:9/").catch(() => setTimeout(() => resolve("nothing forbids it"), 500));
})"""
FETCH_FROM_WORKER = """() => new Promise((resolve) => {
  new Worker("probe.js", { type: "module" }).onmessage = ({ data }) => resolve(data);
})"""


@pytest.mark.parametrize("ask", [f"() => {FETCH}", FETCH_FROM_WORKER], ids=["page", "worker"])
def test_the_policy_forbids_other_addresses(browser, model, ask):
    (model.site / "probe.js").write_text(f"postMessage(await {FETCH})")  # a worker, like worker.js
    browser.open(model.address)
    assert browser("evaluate", ask) == "connect-src forbids http://127.0.0.2:9/"
    browser.forgive("Content Security Policy")


def test_it_works_by_keyboard_alone(page, model, tmp_path):
    path = save(tmp_path / "image.png", xray())
    focused = "() => document.activeElement.id || document.activeElement.value"
    page("press", "Tab")
    assert page("evaluate", focused) == "file" and ring(page) == "solid"
    page("chooseByKey", "Enter", str(path))
    page.wait("explained")
    page("press", "Tab")
    assert page("evaluate", focused) == "show"
    page("press", "Space")
    assert page("evaluate", "() => getComputedStyle(document.getElementById('map')).visibility") == "hidden"
    page("press", "Tab")
    first = page.shown()["chosen"]
    assert page("evaluate", focused) == first and ring(page) == "solid"
    page("press", "ArrowDown")
    second = page.shown()
    assert second["chosen"] != first and second["caption"].startswith(f"Why {second['chosen']}?")
    page("press", "Shift+Tab")
    page("press", "Shift+Tab")
    assert page("evaluate", focused) == "file"


CHOOSE = """(point) => {
  const select = document.getElementById("point");
  if (!select.checkVisibility()) return null;
  select.value = point;
  select.dispatchEvent(new Event("change"));
  return [...select.options].map((option) => option.textContent);
}"""


def test_another_operating_point_decides_anew(page, model, tmp_path):
    page.read(save(tmp_path / "image.png", xray()))
    before, offered = page.shown(), page("evaluate", CHOOSE, "sensitivity=0.95")
    if model.exclusive:
        assert offered is None
        return
    assert offered == ["best F1", "sensitivity 95.0\u00a0%"]
    after, asked = page.shown(), OnnxModel(model.path, operating_point="sensitivity=0.95")
    probabilities = np.array([after["probabilities"][label] for label in model.labels])
    expected = {label for label, found in zip(model.labels, asked.decide(probabilities[None])[0], strict=True) if found}
    assert set(after["present"]) == expected > set(before["present"])
    assert after["chosen"] == before["chosen"] and after["probabilities"] == before["probabilities"]
    assert all(label in after["status"] for label in expected)
    page.read(save(tmp_path / "again.png", xray()))
    assert set(page.shown()["present"]) == expected  # the choice holds for the next image


VISIBLE = (
    """() => ["findings", "map", "legend", "reveal"].filter((id) => document.getElementById(id).checkVisibility())"""
)


def test_what_is_no_chest_x_ray_gets_no_answer_until_it_is_asked_for(page, model, tmp_path):
    familiar = save(tmp_path / "film.png", xray())
    hand = write_dicom(tmp_path / "hand.dcm", xray(), Modality="DX", BodyPartExamined="HAND")
    page.read(familiar)
    assert page("evaluate", VISIBLE) == ["findings", "map", "legend"]
    shown = page.read(hand)
    assert page("evaluate", VISIBLE) == ["reveal"]
    assert "BodyPartExamined is HAND, expected CHEST" in shown["warning"] and shown["caption"] == ""
    assert shown["status"] == "hand.dcm – no answer: BodyPartExamined is HAND, expected CHEST."
    page("press", "Tab")
    page("press", "Tab")
    page("press", "Enter")
    assert page("evaluate", VISIBLE) == ["findings", "map", "legend"]
    shown = page.shown()
    assert "BodyPartExamined" in shown["warning"] and "no answer" not in shown["status"]
    assert page("evaluate", "() => document.activeElement.value") == shown["chosen"]
    page.read(familiar)
    assert page.shown()["warning"] == "" and page("evaluate", VISIBLE) == ["findings", "map", "legend"]


def ring(page):
    """The style of the outline around the focused element, or around its label."""
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
def test_it_fits_the_screen_and_is_legible(browser, model, tmp_path, width, scheme):
    browser.open(model.address, width=width, height=740, colorScheme=scheme)
    path = save(tmp_path / f"{'a-long-name-without-any-space' * 4}.png", np.zeros((40, 90), np.uint8))
    assert "unlike the X-rays" in browser.read(path)["warning"]
    contrasts(browser)
    browser("evaluate", "() => document.getElementById('reveal').click()")
    contrasts(browser)
    assert browser("evaluate", "() => document.documentElement.scrollWidth") <= width
    browser.read(BROKEN["a text"][0](tmp_path / ("x" * 120)))
    assert browser("evaluate", "() => document.documentElement.scrollWidth") <= width
    contrasts(browser)


def contrasts(browser):
    """Assert WCAG 2.2 AA, 1.4.3: a contrast of 4.5 to 1 for every text that is shown."""
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


def test_results_are_announced_to_screen_readers(opened, tmp_path):
    opened.read(save(tmp_path / "image.png", xray()))
    roles = "() => ['status', 'error'].map((id) => document.getElementById(id).getAttribute('role'))"
    assert opened("evaluate", roles) == ["status", "alert"]
    unnamed = """() => [...document.querySelectorAll("input, progress, canvas, [role=img]")]
      .filter((element) => !element.labels?.length && !element.ariaLabel && !element.closest("[role=img][aria-label]"))
      .map((element) => element.outerHTML)"""
    assert opened("evaluate", unnamed) == []


TOGETHER = """(files) => {
  const status = document.getElementById("status");
  window.texts = [];
  new MutationObserver(() => texts.push(status.textContent)).observe(status, { childList: true });
  for (const base64 of files) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], `${files.indexOf(base64)}.png`));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def test_a_file_that_a_newer_one_has_replaced_is_not_answered(page, model, tmp_path):
    paths = [save(tmp_path / f"{seed}.png", xray(seed=seed)) for seed in range(4)]
    page("evaluate", TOGETHER, [base64.b64encode(path.read_bytes()).decode() for path in paths])
    page.wait("explained")
    agrees(page.shown(), model, paths[-1])
    answers = [text for text in page("evaluate", "() => texts") if " – " in text]
    assert len(answers) == 1 and "3.png – " in answers[0]


def test_the_same_file_can_be_chosen_again(opened, model, tmp_path):
    path = save(tmp_path / "image.png", xray(seed=1))
    opened.read(path)
    save(path, xray(seed=2))
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
def test_a_file_can_be_dropped_anywhere(page, model, tmp_path, place):
    path = save(tmp_path / "image.png", xray(seed=1))
    content = base64.b64encode(path.read_bytes()).decode()
    assert page("evaluate", DROP, {"base64": content, "names": ["dropped.png"], "at": place}) is False  # no navigation
    page.wait("explained")
    agrees(page.shown(), model, path)
    assert (
        page("evaluate", DROP, {"base64": "", "names": [], "at": place}) is False
    )  # a text is neither read nor opened
    assert page.shown()["error"] == ""


@pytest.mark.parametrize(("content", "state", "place"), [(xray, "explained", "status"), (None, "failed", "error")])
def test_of_several_files_the_page_reads_the_first_and_says_so(page, tmp_path, content, state, place):
    path = save(tmp_path / "image.png", content(seed=1)) if content else None
    encoded = base64.b64encode(path.read_bytes() if path else b"no image").decode()
    page("evaluate", DROP, {"base64": encoded, "names": ["a.png", "b.png", "c.png"], "at": "footer"})
    page.wait(state)
    shown = page("evaluate", f"() => document.getElementById('{place}').innerText")
    assert shown.lstrip("“").startswith("a.png") and shown.endswith(". Of 3 files only the first was read.")


def test_the_page_describes_the_network(opened, model):
    text = opened("evaluate", "() => document.body.innerText")
    assert "Not for clinical use." in text and "stays on this device" in text
    assert "“random”" in text and f"{model.size} × {model.size} pixels" in text


def test_thresholds_are_shown_where_findings_have_them(opened, model, tmp_path):
    opened.read(save(tmp_path / "image.png", xray(seed=1)))
    text = opened("evaluate", "() => document.getElementById('result').innerText")
    marks = "() => [...document.querySelectorAll('.bar')].map((bar) => getComputedStyle(bar, '::after').content)"
    assert text.count("threshold") == (0 if model.exclusive else 5)  # of each finding, and in the key
    assert text.count("most probable") == (1 if model.exclusive else 0)
    assert set(opened("evaluate", marks)) == ({"none"} if model.exclusive else {'""'})
    assert ("present" in text or "absent" in text) != model.exclusive


def test_the_page_shows_scores_on_test_if_the_model_has_them(browser, model):
    file = model.site / "model.json"
    content = file.read_text("utf-8")
    scores = {"auroc": {"macro": 0.8696, "macro_low": 0.8537, "macro_high": 0.8846}, "images": 1500}
    scores |= {"accuracy": 0.7512, "accuracy_low": 0.73, "accuracy_high": 0.77}
    file.write_text(json.dumps(json.loads(content) | {"test": scores}), "utf-8")
    try:
        browser.open(model.address)
        text = browser("evaluate", "() => document.getElementById('about').innerText")
        assert "0.870 (95 %: 0.854 to 0.885)" in text and "1,500" in text and "F1" not in text
        assert "0.751 (95 %: 0.730 to 0.770)" in text
    finally:
        file.write_text(content, "utf-8")


@pytest.mark.parametrize("content", [None, b"", b"no network"])
@pytest.mark.parametrize("name", ["model.onnx", "model.json"])
def test_a_page_without_its_network_shows_an_error(browser, model, name, content):
    kept = (model.site / name).read_bytes()
    (model.site / name).unlink()
    if content is not None:
        (model.site / name).write_bytes(content)
    try:
        browser.open(model.address)
        browser("evaluate", DROP, {"base64": "", "names": ["dropped.png"], "at": "footer"})  # is ignored
        assert browser.shown()["error"].startswith("The network could not be loaded: ")
        browser.forgive("404")
    finally:
        (model.site / name).write_bytes(kept)
