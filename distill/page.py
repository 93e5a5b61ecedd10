"""The report and the model card: templates filled with what the other stages wrote, and nothing else."""

import base64
import math
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

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
    return environment.get_template(name).render(facts | helpers)


def picture(path: str, what: str) -> Markup:
    """An image of the page's own: no file beside it is needed. Raises BadInput if it is not there."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}, expected a picture that a stage draws") from None
    if not content.startswith(b"\x89PNG"):
        raise BadInput(f"{path}: found no PNG, expected a picture that a stage draws")
    content = base64.b64encode(content).decode()
    return Markup('<img loading="lazy" alt="{}" src="data:image/png;base64,{}">').format(what, content)


def rows(cells: Table) -> Markup:
    """A table in HTML."""
    head, *body = cells
    lines = [_row(head, "th"), *(_row(row, "td") for row in body)]
    return Markup('<div class="scroll"><table>\n{}\n</table></div>').format(Markup("\n").join(lines))


def table(cells: Table) -> str:
    """A table in Markdown."""
    head, *body = [[str(cell).replace("|", "\\|") for cell in row] for row in cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def number(value: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """A number with its interval, as text; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    known = low is not None and high is not None and not math.isnan(low + high)
    interval = "" if not known else f" ({low:.{digits}f}–{high:.{digits}f})"
    return f"{value:.{digits}f}{interval}"


def _row(cells: Sequence[str], tag: str) -> Markup:
    inside = Markup("").join(Markup("<{0}>{1}</{0}>").format(tag, cell) for cell in cells)
    return Markup("<tr>{}</tr>").format(inside)
