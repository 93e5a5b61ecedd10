"""CSV files: reading those of others as text, with errors that name file and row, and writing our own."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import pandas as pd

from rayling.common.atomic import atomic
from rayling.common.errors import BadInput
from rayling.preparation.identities import composed


class Header:
    """The column names in the first row. Case, blanks, underscores and a plural s do not matter."""

    def __init__(self, file: Path, names: list[str]) -> None:
        self.file, self.names = file, names

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        return self.find(name) is not None

    def find(self, name: str, *, required: bool = False) -> str | None:
        """Return the column's name as the file writes it, or None.

        Raises `BadInput` for two such columns, and for none if it is `required`.
        """
        found = [own for own in self.names if _normalised(own) == _normalised(name)]
        if len(found) > 1:
            raise BadInput(f"{self.file}, row 1: found columns {' and '.join(map(repr, found))}, expected one of them")
        if required and not found:
            other = next((mark for mark in ";\t|" if len(self.names) == 1 and mark in self.names[0]), None)
            hint = f"cells seem to be separated by {other!r}, expected ','" if other else suggestion(name, self.names)
            raise BadInput(f"{self.file}, row 1: found no column {name!r}; {hint}")
        return found[0] if found else None


def header(file: str | Path) -> Header:
    """Return the names in the first row. Raises `BadInput` for a missing file and for bad UTF-8."""
    with _rows(Path(file), expected="a CSV") as rows:
        return Header(Path(file), list(rows.fieldnames or ()))


def read(file: str | Path, *, columns: Iterable[str], optional: Iterable[str] = ()) -> pd.DataFrame:
    """Return the named columns as stripped text ("" for a missing optional one), and `at`: the file and the row.

    Accents are in Unicode's composed form. Understands a byte order mark, CRLF and quoted commas; for names see
    `Header`. Raises `BadInput` for a missing file or column, a row of another length and bad UTF-8.
    """
    file, columns = Path(file), list(columns)
    with _rows(file, expected=f"a CSV with columns {', '.join(columns)}") as rows:
        header = Header(file, list(rows.fieldnames or ()))
        names = {column: header.find(column, required=True) for column in columns}
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
    """Raise `BadInput` for the first row of `cells` that is `wrong` (bool, one per row)."""
    if wrong.any():
        row = cells[wrong].iloc[0]
        raise BadInput(f"{row['at']}: {column} is {row[column]!r}, expected {expected}")


def checked_paths(cells: pd.DataFrame, column: str) -> pd.Series:
    """Return the paths in `column` in normal form. Raises `BadInput` for one that leaves the root or is there twice."""
    paths = cells[column].map(PurePosixPath)
    leaves = paths.map(lambda path: path.is_absolute() or ".." in path.parts or "\\" in str(path) or not path.name)
    refuse(cells, leaves.astype(bool), column, "a path that stays below the root, with forward slashes")
    normal = paths.map(str)
    refuse(cells, normal.duplicated(), column, "each image once")
    return normal


def write(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table without its index, completely or not at all."""
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def suggestion(name: str, known: Collection[str]) -> str:
    """Return the second half of an error message: what is close to `name`, or else what is `known`."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"the nearest is {near[0]!r}"
    return f"expected one of {', '.join(sorted(known))}" if known else "the file has no header"


def _cells(row: dict[str, str], *, names: dict[str, str], at: str) -> tuple[str, ...]:
    if None in row or None in row.values():  # how DictReader marks too many cells, and too few
        raise BadInput(f"{at}: found another number of cells than the header has; expected the same")
    return *(composed(row.get(name, "").strip()) for name in names.values()), at


def _normalised(name: str) -> str:
    """Datasets have written `patientid`, `Patientid` and `patient id`, `finding` and `findings`: each is one name."""
    return re.sub(r"[\s_]", "", composed(name).lower()).removesuffix("s")
