"""Errors that a user can correct, and how a program reports them: in one line, without a traceback."""

import os
import sys
import traceback
from collections.abc import Callable
from subprocess import CalledProcessError
from types import TracebackType

LONGEST = 6000  # characters: room for the names of a batch of images, but not for a book in one cell of a CSV


class BadInput(ValueError):
    """Input that cannot be used: a file, a row or a parameter.

    The text is one line that names it, what was found and what was expected. Line breaks and control characters are
    replaced, and of a text longer than 6,000 characters the middle is left out.
    """

    def __init__(self, text: str) -> None:
        line = printable(" ".join(text.split()))
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")


def printable(text: str) -> str:
    """The text, with characters that control a terminal or cannot be shown escaped as Python writes them."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


CORRECTABLE = (BadInput, OSError, CalledProcessError, KeyboardInterrupt)


def print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an exception to standard error; can serve as `sys.excepthook`.

    One line for what a user can correct (bad input, a full disk, a failed program, Ctrl-C), a traceback for a bug.
    With the environment variable RAYLING_TRACEBACK=1, a traceback for everything.
    """
    if os.environ.get("RAYLING_TRACEBACK") == "1" or not issubclass(kind, CORRECTABLE):
        traceback.print_exception(kind, error, trace)
    elif issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        print("error:", " ".join(_message(error).split()), file=sys.stderr)


def _message(error: BaseException) -> str:
    if isinstance(error, CalledProcessError):
        return f"{' '.join(error.cmd)}: {error.stderr or f'failed with status {error.returncode}'}"
    return str(error)


def run_command(main: Callable[[], None]) -> None:
    """Call `main`. Prints an error that a user can correct as `print_error` does, and exits with 1 (Ctrl-C: 130)."""
    try:
        main()
    except CORRECTABLE as error:
        print_error(type(error), error, error.__traceback__)
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)
