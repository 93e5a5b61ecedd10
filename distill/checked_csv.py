"""CSV: what somebody else wrote, read as text, what is wrong in it told by file and row; and our own, written whole."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import pandas as pd

from distill.atomic import atomic
from distill.errors import BadInput


class Header:
    """The names in the first row; case, blanks, underscores and a plural s are of no account."""

    def __init__(self, file: Path, names: list[str]) -> None:
        self.file, self.names = file, names

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return self.find(name) is not None

    def find(self, name: str, *, must: bool = False) -> str | None:
        """The column's name as the file writes it, or None. Raises `BadInput` for two, and if it `must` be there."""
        found = [given for given in self.names if _plain(given) == _plain(name)]
        if len(found) > 1:
            raise BadInput(f"{self.file}, row 1: found columns {' and '.join(map(repr, found))}, expected one of them")
        if must and not found:
            other = next((mark for mark in ";\t|" if len(self.names) == 1 and mark in self.names[0]), None)
            known = f"cells seem to be separated by {other!r}, expected ','" if other else nearest(name, self.names)
            raise BadInput(f"{self.file}, row 1: found no column {name!r}; {known}")
        return found[0] if found else None


def header(file: str | Path) -> Header:
    """The names in the first row. Raises `BadInput` for a missing file and bad UTF-8."""
    with _rows(Path(file), expected="a CSV") as rows:
        return Header(Path(file), list(rows.fieldnames or ()))


def read(file: str | Path, *, columns: Iterable[str], optional: Iterable[str] = ()) -> pd.DataFrame:
    """The named columns as stripped text ("" for a missing optional one), and `at`: the file and the row.

    A byte order mark, CRLF and quoted commas are understood; for names see `Header`. Raises `BadInput` for a
    missing file or column, a row of another length and bad UTF-8.
    """
    file, columns = Path(file), list(columns)
    with _rows(file, expected=f"a CSV with columns {', '.join(columns)}") as rows:
        header = Header(file, list(rows.fieldnames or ()))
        names = {column: header.find(column, must=True) for column in columns}
        names |= {column: header.find(column) for column in optional if column not in names}
        cells = [_cells(row, names=names, at=f"{file}, row {rows.line_num}") for row in rows]
    return pd.DataFrame(cells, columns=[*names, "at"], dtype=str)


@contextmanager
def _rows(file: Path, *, expected: str) -> Iterator[csv.DictReader]:
    if not file.is_file():
        raise BadInput(f"{file}: no such file; expected {expected}")
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield csv.DictReader(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file}: found {error}; expected a CSV in UTF-8 (as Excel's 'CSV UTF-8')") from error


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
