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

ANSWERED = ("answered", "explained", "failed")  # states of the page, see main.js
EXPLAINED = ("explained", "failed")


def missing() -> str | None:
    """What is missing to test the page here; None if nothing is."""
    needed = {"chromium": CHROMIUM, "node": NODE, "web/node_modules (`npm ci --prefix web`)": PACKAGES.is_dir()}
    return next((f"no {name}" for name, found in needed.items() if not found), None)


class Browser:
    """One browser with one page."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [NODE, DRIVER, CHROMIUM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def __call__(self, command: str, *arguments):
        """Run a command of the driver and return its value. Raises RuntimeError with the error that it threw."""
        self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["value"]

    def close(self) -> None:
        """Close its standard input, at which it exits."""
        self.process.stdin.close()
        self.process.wait(timeout=30)

    def open(self, address: str, **view) -> None:
        """Open the page anew and wait until its network is loaded."""
        self("open", address, view)
        self.wait("ready", "failed")

    def wait(self, *states: str) -> None:
        """Wait until the page is in one of these states."""
        self("wait", f"{list(states)}.includes(document.body.dataset.state)")

    def read(self, path: Path, until: tuple[str, ...] = EXPLAINED) -> dict:
        """Choose a file, wait for one of the states, by default for the map, and return what the page shows."""
        self("choose", str(path))
        self.wait(*until)
        return self.shown()

    def forgive(self, complaint: str) -> None:
        """Forget messages of the console with this text, which a test has provoked."""
        self("forgive", complaint)

    def shown(self) -> dict:
        """The texts, probabilities and choices that the page shows now."""
        return self("evaluate", SHOWN)


SHOWN = """() => {
  const shown = (id) => (document.getElementById(id).checkVisibility() ? document.getElementById(id).textContent : "");
  const rows = [...document.querySelectorAll("#result:not([hidden]) .finding")];
  const value = (row) => Number(row.querySelector("data").value);
  return {
    error: shown("error"),
    status: shown("status"),
    warning: shown("warning"),
    caption: shown("caption"),
    probabilities: Object.fromEntries(rows.map((row) => [row.querySelector("input").value, value(row)])),
    present: rows.filter((row) => ["present", "most probable"].includes(row.querySelector(".decision").textContent))
      .map((row) => row.querySelector("input").value),
    chosen: document.querySelector(".finding input:checked")?.value,
  };
}"""
