"""One small script a stage: `python -m stages.<name>`, run by DVC from the repository's root."""

import sys

from distill.errors import BadInput


def _tell(kind, error, trace):
    """Print a `BadInput` as its one line; leave every other exception its traceback."""
    if issubclass(kind, BadInput):
        print(f"error: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell
