"""The report and the model card: templates filled with what other stages wrote.

`fill` fills a template. The other functions are what templates and tables are made with, and the commit.
"""

import base64
import io
import math
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from rayling.common.errors import BadInput

TEMPLATES = Path(__file__).parent / "templates"
MADE_FROM = ("rayling", "stages", "dvc.yaml", "params.yaml", "requirements.txt")

# what is wider than the screen is scrolled in its box, by keyboard too
BOX = '<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>'

Table = Sequence[Sequence[str]]  # the first row is the head


def fill(name: str, facts: dict) -> str:
    """The template `name`, filled with `facts`. In HTML every fact is shown as text and never read as markup."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = markdown
    functions = {"picture": picture, "html_table": html_table, "markdown_table": markdown_table}
    return environment.get_template(name).render(facts | functions)


def picture(path: str, description: str) -> Markup:
    """A PNG file as an HTML image that holds its data. Raises BadInput if the file is missing or damaged."""
    try:
        content = Path(path).read_bytes()
        Image.open(io.BytesIO(content), formats=["PNG"]).verify()
    except Exception as error:  # pillow raises several kinds
        raise BadInput(f"{path}: not a PNG: {error}; expected a picture that a stage draws") from None
    content = base64.b64encode(content).decode()
    image = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(description, content)
    return Markup(BOX).format("Picture", image)


def html_table(cells: Table, kind: str = "numbers") -> Markup:
    """A table in HTML, of `numbers` or of `words`; the first cell of each row is a heading."""
    head, *body = cells
    top = _row(_cells('<th scope="col">{}</th>', head))
    rows = [
        _row(_cells('<th scope="row">{}</th>', row[:1]) + _cells("<td>{}</td>", map(_cell, row[1:]))) for row in body
    ]
    rest = Markup("\n").join(rows)
    table = Markup('<table class="{}">\n<thead>{}</thead>\n<tbody>{}</tbody>\n</table>').format(kind, top, rest)
    return Markup(BOX).format("Table", table)


def _cell(text: str) -> Markup:
    """A cell that may break before its brackets, and not within them."""
    before, bracket, rest = text.partition(" (")
    return Markup("{} <span>({}</span>").format(before, rest) if bracket else Markup("{}").format(text)


def _row(cells: Markup) -> Markup:
    return Markup("<tr>{}</tr>").format(cells)


def _cells(element: str, texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup(element).format(text) for text in texts)


def markdown_table(cells: Table) -> str:
    """A table in Markdown."""
    head, *body = [[markdown(cell) for cell in row] for row in cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def markdown(text: str) -> str:
    """A text as one line of Markdown that shows it as it is; only web addresses may become links."""
    return re.sub(r"[\\`*~\[\]<>|&#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", " ".join(str(text).split()))


def number(value: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """A number with its interval, if it has one, as text; a dash if it is None or NaN."""
    if _is_missing(value):
        return "–"
    shown = [f"{_rounded(each, digits):.{digits}f}" for each in (value, low, high) if not _is_missing(each)]
    return shown[0] if len(shown) < 3 else f"{shown[0]} ({shown[1]}–{shown[2]})"


def signed(value: float | None, low: float | None, high: float | None, digits: int = 3) -> str:
    """A difference with its sign, and its interval if it has one; a dash if it is None or NaN."""
    if _is_missing(value):
        return "–"
    shown = [f"{_rounded(each, digits):+.{digits}f}" for each in (value, low, high) if not _is_missing(each)]
    return shown[0] if len(shown) < 3 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0  # no -0.000


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def commit_line() -> str:
    """A sentence with the last commit that changed code or parameters, and what has changed since."""
    try:
        commit = _git("log", "-1", "--format=%H", "--", *MADE_FROM).strip()
        changed = [line[3:] for line in _git("status", "--porcelain", "--", *MADE_FROM).splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return "Made outside a git repository"
    since = f", with changes in {', '.join(changed)} that are not committed" if changed else ""
    return (f"Made from commit {commit}" if commit else "Made without a commit") + since


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout
