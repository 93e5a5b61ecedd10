"""How a command of ours ends when its input is wrong: one line and exit status 1, as a stage does."""

import sys
from collections.abc import Callable
from subprocess import CalledProcessError

from distill.errors import BadInput


def run(main: Callable[[], None]) -> None:
    """Call `main`; tell in one line what a user can mend: bad input, a file not to be read, a program that failed."""
    try:
        main()
    except (BadInput, OSError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)}: {' '.join((error.stderr or '').split()) or 'failed'}")
