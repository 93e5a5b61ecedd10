"""CSV: what somebody else wrote, read as text, what is wrong in it told by file and row; and our own, written whole."""

import csv
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import pandas as pd

from distill.atomic import atomic
from distill.errors import BadInput


def read(file: str | Path, *, columns: Iterable[str], optional: Iterable[str] = ()) -> pd.DataFrame:
    """The named columns as stripped text ("" for a missing optional one), and `at`: the file and the row.

    Case, blanks, underscores and a plural s in the header are of no account; a byte order mark, CRLF and quoted
    commas are understood. Raises `BadInput` for a missing file or column, a row of another length and bad UTF-8.
    """
    file, columns = Path(file), list(columns)
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected a CSV with columns {', '.join(columns)}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            header = {_plain(name): name for name in rows.fieldnames or ()}
            for column in columns:
                if _plain(column) not in header:
                    raise BadInput(f"{file}, row 1: found no column {column!r}; {nearest(column, header.values())}")
            names = {column: header.get(_plain(column)) for column in (*columns, *optional)}
            cells = [_cells(row, names=names, at=f"{file}, row {rows.line_num}") for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file}: found {error}; expected a CSV in UTF-8") from error
    return pd.DataFrame(cells, columns=[*names, "at"], dtype=str)


def header(file: str | Path) -> list[str]:
    """The names in the first row. Raises `BadInput` for a missing file and bad UTF-8."""
    read(file, columns=())
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        return [name.strip() for name in next(csv.reader(lines), [])]


def refuse(cells: pd.DataFrame, wrong: pd.Series, column: str, expected: str) -> None:
    """Raise `BadInput` for the first row of `cells` that is `wrong`, a bool for each."""
    if wrong.any():
        row = cells[wrong].iloc[0]
        raise BadInput(f"{row['at']}: {column} is {row[column]!r}, expected {expected}")


def inside(cells: pd.DataFrame, column: str) -> pd.Series:
    """The paths of `column` in normal form; refuses one that leaves the root by itself, or stands there twice."""
    paths = cells[column].map(PurePosixPath)
    leaves = paths.map(lambda path: path.is_absolute() or ".." in path.parts or "\\" in str(path) or not path.name)
    refuse(cells, leaves.astype(bool), column, "a path that stays below the root, with forward slashes")
    normal = paths.map(str)
    refuse(cells, normal.duplicated(), column, "each image once")
    return normal


def write(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table without its index, whole or not at all."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def nearest(name: str, known: Collection[str]) -> str:
    """Half a sentence for who wrote `name`, which is none of `known`."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"the nearest is {near[0]!r}"
    return f"expected one of {', '.join(sorted(known))}" if known else "the file has no header"


def _cells(row: dict[str, str], *, names: dict[str, str], at: str) -> tuple[str, ...]:
    if None in row or None in row.values():  # how DictReader marks too many cells, and too few
        raise BadInput(f"{at}: found another number of cells than the header has; expected the same")
    return *(row.get(name, "").strip() for name in names.values()), at


def _plain(name: str) -> str:
    """Upstream has written `patientid`, `Patientid`, `patient id`; `finding`, `findings`: all one name."""
    return re.sub(r"[\s_]", "", name.lower()).removesuffix("s")
