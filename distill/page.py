"""The report and the model card: templates filled with what the other stages wrote, and nothing else."""

import base64
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from distill.errors import BadInput

TEMPLATES = Path(__file__).parent / "templates"

Table = Sequence[Sequence[str]]  # the first row is the head


def filled(name: str, facts: dict) -> str:
    """The template `name` with the facts in it. In HTML what stands in them is text and never markup."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    helpers = {"picture": picture, "rows": rows, "table": table}
    environment.filters["plain"] = plain
    return environment.get_template(name).render(facts | helpers)


def picture(path: str, what: str) -> Markup:
    """An image of the page's own: no file beside it is needed. Raises BadInput if it is not there."""
    try:
        content = Path(path).read_bytes()
        Image.open(io.BytesIO(content), formats=["PNG"]).verify()
    except Exception as error:  # pillow has a handful of kinds
        raise BadInput(f"{path}: no PNG: {error}; expected a picture that a stage draws") from None
    content = base64.b64encode(content).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(what, content)


def rows(cells: Table) -> Markup:
    """A table in HTML; the first cell of a row is its name."""
    head, *body = cells
    top = _row(_cells('<th scope="col">{}</th>', head))
    lines = [_row(_cells('<th scope="row">{}</th>', row[:1]) + _cells("<td>{}</td>", row[1:])) for row in body]
    rest = Markup("\n").join(lines)
    return Markup('<div class="scroll"><table>\n<thead>{}</thead>\n<tbody>{}</tbody>\n</table></div>').format(top, rest)


def table(cells: Table) -> str:
    """A table in Markdown."""
    head, *body = [[plain(cell) for cell in row] for row in cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def plain(text: str) -> str:
    """A text on one line as Markdown that shows it as it is; addresses alone may become links."""
    return re.sub(r"[\\`*~\[\]<>|&#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", " ".join(str(text).split()))


def number(value: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """A number with its interval, as text; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    known = low is not None and high is not None and not math.isnan(low + high)
    interval = "" if not known else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{interval}"


def _row(cells: Markup) -> Markup:
    return Markup("<tr>{}</tr>").format(cells)


def _cells(element: str, texts: Sequence[str]) -> Markup:
    return Markup("").join(Markup(element).format(text) for text in texts)
