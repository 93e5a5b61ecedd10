"""The one exception that a user is meant to read."""

LONGEST = 6000  # characters: the names of a batch of images, and not the book that a cell of a CSV may hold


class BadInput(ValueError):
    """Input that cannot be used: a file, a row or a parameter.

    Its text is one line that names the thing, what was found and what was expected; of a very long one the middle is
    left out. Stages print it without a traceback and exit with status 1 (`stages/__init__.py`).
    """

    def __init__(self, text: str) -> None:
        line = " ".join(text.split())
        line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)  # a terminal obeys some
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}")
