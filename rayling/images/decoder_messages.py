"""What decoders written in C say on the standard error of the process, where it would stand without the file's name."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

STANDARD_ERROR = 2
ONE_AT_A_TIME = Lock()  # the descriptor belongs to the whole process


@contextmanager
def kept() -> Iterator[list[str]]:
    """Yield a list that holds, once the block has ended, the lines that C code wrote to standard error in it."""
    lines = []
    with ONE_AT_A_TIME, tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        own = os.dup(STANDARD_ERROR)
        os.dup2(file.fileno(), STANDARD_ERROR)
        try:
            yield lines
        finally:
            os.dup2(own, STANDARD_ERROR)
            os.close(own)
            file.seek(0)
            lines += file.read().decode("utf-8", "replace").splitlines()
