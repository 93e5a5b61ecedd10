"""Hypothesis for files of any bytes: a clean result or one clear line, never a traceback, a hang or much memory.

`CASES=10000 pytest tests/pipeline/test_fuzz_*.py` takes hours and other cases each time; without CASES a few, always
the same.
"""

import os
import random
import signal
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rayling.common.errors import BadInput
from tests.tiny import LONG

CASES = int(os.environ.get("CASES", "50"))
MEMORY = 300e6  # bytes more than before, whatever a file of some kilobytes says of itself
PIXELS = 2e9  # the same for a picture: 100 megapixels are allowed, and decoded
LINE = 6010  # characters that one line may have

cases = settings(
    max_examples=CASES,
    deadline=timedelta(seconds=30),
    derandomize=not LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def bounded(most: float):
    """The block takes at most so many bytes at once, where Linux tells it."""
    if not Path("/proc/self/clear_refs").exists():
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _kilobytes("VmRSS")
    yield
    assert 1024 * (_kilobytes("VmHWM") - before) < most


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def outcome(read, *arguments, most: float = MEMORY, **named):
    """What a reader returns, or None where it says in one line why not."""
    with bounded(most):
        signal.alarm(60)  # a hang ends the tests
        try:
            return read(*arguments, **named)
        except BadInput as error:
            assert "\n" not in str(error) and 0 < len(str(error)) <= LINE
            return None
        finally:
            signal.alarm(0)


class Whole(bytes):
    """A file whose bytes hypothesis does not print."""

    def __repr__(self) -> str:
        return f"{len(self)} bytes"


@st.composite
def broken(draw, *wholes: Whole) -> bytes:
    """One of the files with some bytes changed, cut, doubled or put in."""
    data = bytearray(draw(st.sampled_from(wholes)))
    dice = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 8))):
        place = dice.randrange(max(1, len(data)))
        length = dice.choice([1, 2, 4, 8, 64, 1024])
        change = draw(st.sampled_from(["bit", "byte", "number", "cut", "double", "insert", "end"]))
        if change == "bit" and data:
            data[place] ^= 1 << dice.randrange(8)
        elif change == "byte" and data:
            data[place] = dice.randrange(256)
        elif change == "number":
            data[place : place + 4] = dice.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).to_bytes(4, "little")
        elif change == "cut":
            del data[place : place + length]
        elif change == "double":
            data[place:place] = data[place : place + length]
        elif change == "insert":
            data[place:place] = dice.randbytes(length)
        elif change == "end":
            del data[place:]
    return bytes(data)
