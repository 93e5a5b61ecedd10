"""One small script a stage: `python -m stages.<name>`, run by DVC from the repository's root."""

import sys

from distill.errors import BadInput


def _tell(kind, error, trace):
    """One line for what a user can mend (bad input, a full disk, a file not to be read); else the traceback."""
    if issubclass(kind, BadInput | OSError):
        print("error:", " ".join(str(error).split()), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _tell
