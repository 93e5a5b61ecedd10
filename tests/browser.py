"""Headless Chromium for tests of the page, driven through tests/web/browser.mjs."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.tiny import ROOT

PACKAGES = ROOT / "web/node_modules"
DRIVER = ROOT / "tests/web/browser.mjs"
CHROMIUM = shutil.which("chromium")
NODE = shutil.which("node")

ANSWERED = ("answered", "explained", "failed")  # how far a page may be, see main.js
EXPLAINED = ("explained", "failed")


def missing() -> str | None:
    """What keeps the page from being tested here; None if nothing does."""
    needed = {"chromium": CHROMIUM, "node": NODE, "web/node_modules (`npm ci --prefix web`)": PACKAGES.is_dir()}
    return next((f"no {name}" for name, found in needed.items() if not found), None)


class Browser:
    """One browser with one page."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [NODE, DRIVER, CHROMIUM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def __call__(self, command: str, *arguments):
        """What the driver's command of this name returns. Raises RuntimeError with what it threw."""
        self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["value"]

    def close(self) -> None:
        """End it as its own standard input ends."""
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def open(self, address: str, **view) -> None:
        """Open the page anew and wait until its network is loaded."""
        self("open", address, view)
        self.wait("ready", "failed")

    def wait(self, *states: str) -> None:
        """Until the page is as far as one of these."""
        self("wait", f"{list(states)}.includes(document.body.dataset.state)")

    def read(self, path: Path, until: tuple[str, ...] = EXPLAINED) -> dict:
        """Choose a file and wait for what the page has to say of it, unless told else the map included."""
        self("choose", str(path))
        self.wait(*until)
        return self.said()

    def forgive(self, complaint: str) -> None:
        """Forget what its console complained of with these words, which a test has provoked."""
        self("forgive", complaint)

    def said(self) -> dict:
        """What the page shows now."""
        return self("evaluate", SAID)


SAID = """() => {
  const shown = (id) => (document.getElementById(id).checkVisibility() ? document.getElementById(id).textContent : "");
  const rows = [...document.querySelectorAll("#result:not([hidden]) .finding")];
  const value = (row) => Number(row.querySelector("data").value);
  return {
    error: shown("error"),
    status: shown("status"),
    warning: shown("unfamiliar"),
    caption: shown("caption"),
    probabilities: Object.fromEntries(rows.map((row) => [row.querySelector("input").value, value(row)])),
    present: rows.filter((row) => row.querySelector(".decision").textContent === "present")
      .map((row) => row.querySelector("input").value),
    chosen: document.querySelector(".finding input:checked")?.value,
  };
}"""
