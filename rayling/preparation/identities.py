"""Names as datasets write them, of patients, images, splits and sources, in one spelling.

Compared as raw text, `7` and `7.0` would be two patients, of whom one may be in train and the other in test; and all
films whose patient is `nan` would be films of one patient.
"""

import re
import unicodedata
from pathlib import Path

import pandas as pd

from rayling.images import reading

BLANKS = {"", "nan", "na", "n/a", "<na>", "nat", "none", "null", "unknown", "-", "?"}
WHOLE = re.compile(r"(\d+)\.0+")  # what pandas makes of whole numbers in a column with blanks
LEADING_ZEROS = re.compile(r"(?<![\d.])0+(?=\d)")
SPLITS = {"": "", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(["train", "training"], "train")
SPLITS |= dict.fromkeys(["dev", "development", "val", "valid", "validation"], "dev")


def composed(name: str) -> str:
    """Return `name` with each accented letter as one character (Unicode NFC); macOS writes file names as two."""
    return unicodedata.normalize("NFC", name)


def without_blanks(names: pd.Series) -> pd.Series:
    """Return text (N,) with "" for each of `BLANKS` in any case, and with single spaces."""
    single = names.map(lambda name: " ".join(name.split()))
    return single.mask(single.str.lower().isin(BLANKS), "")


def patients(names: pd.Series) -> pd.Series:
    """Return patients (N,) as `without_blanks` does, and `7.0` as `7`."""
    return without_blanks(names).str.replace(rf"^{WHOLE.pattern}$", r"\1", regex=True)


def merged(names: pd.Series, *, what: str, where: str | Path) -> pd.Series:
    """Return names (N,) with one spelling for those that differ in case, spaces or leading zeros alone.

    Whether `P7` and `p7` are one patient, no table says. As one patient they cost little, and as two they may leak from
    train to test. Prints a line on standard output that says `what` they are and `where`.
    """
    keys = names.map(_key)
    first = names.groupby(keys).transform("min")  # whatever the order of the rows
    other = names[names != first]
    if len(other):
        both = f"{first[other.index[0]]!r} and {other.iloc[0]!r}"
        count = keys[other.index].nunique()
        print(f"warning: {where}: found {what} in two spellings, as {both}: {count} in all, each counted as one")
    return first


def on_disk(root: Path, images: list[str]) -> list[str]:
    """Return paths below `root` as the file system spells them, which may hold accents in another form."""
    if all(map(str.isascii, images)):
        return images
    spelling = {composed(path): path for path in reading.utf8_image_files(root)}
    return [spelling.get(composed(image), image) for image in images]


def _key(name: str) -> str:
    return LEADING_ZEROS.sub("", "".join(name.casefold().split()))
