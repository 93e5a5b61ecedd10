"""How a command begins and ends: its standard streams, its errors and its exit status."""

import os
import sys
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from typing import NoReturn

from rayling.common.errors import BadInput, print_error


def status_of(work: Callable[[], int]) -> int:
    """Call `work` and return its exit status, or that of its error, which is printed in one line.

    2: bad input, or a file that cannot be written. 130: Ctrl-C. 141: the reader of standard output has closed it, as
    `head` does.
    """
    try:
        return work()
    except BrokenPipeError:
        return 141
    except (BadInput, OSError, KeyboardInterrupt) as error:
        print_error(type(error), error, error.__traceback__)
        return 130 if isinstance(error, KeyboardInterrupt) else 2


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the status of `main`. Standard output takes names of files in any bytes; other streams may be closed.

    Exits with 2 if standard output is closed.
    """
    sys.stdin, sys.stderr = sys.stdin or TextIOWrapper(BytesIO()), sys.stderr or StringIO()  # None: closed
    if sys.stdout is None:
        print("error: standard output: found it closed, expected it open", file=sys.stderr)
        sys.exit(2)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    status = main()
    if status in (2, 141):  # drop what could not be written: Python would try again at exit, and print two more lines
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)
