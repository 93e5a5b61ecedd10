"""Kill the stages of a tiny study at random moments, again and again, and see what is left of their work.

    python -m tests.kills 100          # kills in all; a number as second argument is the seed of the moments

After a kill each output is whole or absent, and in the end it has the bytes of a run that was never killed.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tests.tiny import clone_into, dvc, edit, environment

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
IN_A_ROW = 3  # kills at most before a stage is let run to its end


def main(kills: int = 100, seed: int = 0) -> None:
    """Print what each stage went through; exit with status 1 if a byte was wrong."""
    with TemporaryDirectory() as folder:
        clone = clone_into(Path(folder) / "clone")
        edit(clone, lengthen)
        dvc(clone, "repro")
        harness = Harness(clone, random.Random(seed))
        while sum(harness.killed.values()) < kills:
            for name in harness.stages:
                harness.try_one(name)
                print(f"{name}: {harness.killed[name]} kills, went on {harness.resumed[name]} times", flush=True)
        total = sum(harness.killed.values())
        print(f"{total} kills, {dict(harness.signals)}, {harness.resumed.total()} times a stage continued, seed {seed}")
        if not harness.resumed.total():
            harness.wrong.append("no stage continued from where it was killed")
        sys.exit("\n".join(harness.wrong) or print("every output as if unharmed"))


class Harness:
    """A finished study whose stages are run again and killed."""

    def __init__(self, clone: Path, dice: random.Random) -> None:
        self.clone, self.dice, self.killed, self.signals, self.resumed = clone, dice, Counter(), Counter(), Counter()
        lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
        del lock["latency"]  # its bytes differ from run to run
        self.stages = {name: (stage["cmd"], [out["path"] for out in stage["outs"]]) for name, stage in lock.items()}
        self.whole = {name: self.bytes_of(outs) for name, (_, outs) in self.stages.items()}
        self.seconds, self.wrong = {}, []

    def bytes_of(self, outs: list[str]) -> dict[str, str]:
        """A digest of each output that is there; of a folder, of all of it."""
        return {out: _digest(self.clone / out) for out in outs if (self.clone / out).exists()}

    def try_one(self, name: str) -> None:
        """Kill a stage some times, at moments of its whole length, let it end, and compare."""
        command, outs = self.stages[name]
        if name not in self.seconds:
            start = time.monotonic()
            self.start(command, outs).communicate()
            self.seconds[name] = time.monotonic() - start
        for _ in range(self.dice.randint(1, IN_A_ROW)):
            self.kill(name, command, outs)
        output = self.start(command, outs).communicate()[0]
        self.resumed[name] += "continues at epoch" in output or "continues at image" in output
        self.expect(name, self.bytes_of(outs) == self.whole[name], f"other bytes than unharmed: {output}")
        left = [path for path in (self.clone / "data").rglob("*") if ".partial" in path.name or path.suffix == ".pt"]
        self.expect(name, not left, f"left behind {left}")

    def kill(self, name: str, command: str, outs: list[str]) -> None:
        """Start a stage as DVC would, end it at a random moment, and look at its outputs."""
        process, number = self.start(command, outs), self.dice.choice(SIGNALS)
        time.sleep(
            self.seconds[name] * self.dice.uniform(self.dice.choice([0, 0.7]), 1)
        )  # at first there are but imports
        if process.poll() is None:
            self.killed[name] += 1
            self.signals[number.name] += 1
            to = process.pid if number == signal.SIGKILL else os.getpgid(process.pid)
            (os.kill if number == signal.SIGKILL else os.killpg)(to, number)
        output = process.communicate(timeout=60)[0]
        self.expect(name, "Traceback" not in output, f"after {number.name}: {output}")
        for out, digest in self.bytes_of(outs).items():
            self.expect(name, digest == self.whole[name][out], f"{out} is not whole after {number.name}")

    def start(self, command: str, outs: list[str]) -> subprocess.Popen:
        """The stage, its outputs removed before as DVC does, in a process group of its own."""
        for out in outs:
            path = self.clone / out
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        arguments = [sys.executable, *command.split()[1:]]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
        return subprocess.Popen(arguments, cwd=self.clone, env=environment(), **settings)

    def expect(self, name: str, good: bool, otherwise: str) -> None:
        """Note it unless it is so."""
        if not good:
            self.wrong.append(f"{name}: {otherwise}")


def lengthen(content: dict) -> None:
    """As many epochs as make a kill in the midst of training likely."""
    for network in ("teacher", "assistant", "student"):
        content["studies"]["phantom"][network]["epochs"] = 12


def _digest(path: Path) -> str:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    parts = [(str(file.relative_to(path)), file.read_bytes()) for file in files if file.is_file()]
    return sha256(repr(parts).encode()).hexdigest()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
