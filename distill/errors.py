"""The one exception that a user is meant to read."""


class BadInput(ValueError):
    """Input that cannot be used: a file, a row or a parameter.

    Its text is one line that names the thing, what was found and what was expected.
    Stages print that line without a traceback and exit with status 1 (`stages/__init__.py`).
    """
