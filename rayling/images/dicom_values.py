"""Values of DICOM attributes as files really hold them: absent, empty, doubled, or of another type.

The sections in brackets are those of the DICOM standard, PS3.3.
"""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from rayling.common.errors import printable


@dataclass(frozen=True)
class LookUpTable:
    """A modality LUT (C.11.1.1) or a VOI LUT (C.11.2.1.1)."""

    first: int  # the value that maps to the first entry; those below it do too
    bits: int  # the nominal depth of the entries
    entries: np.ndarray  # (N,) uint8 or uint16

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the entries of integers or floats of any shape."""
        last = self.first + len(self.entries) - 1
        return self.entries[np.rint(values).clip(self.first, last).astype(np.int64) - self.first]


def numbers(dataset: Dataset, keyword: str) -> list[float | None]:
    """Return all values of an attribute, None for those that are empty; [] if it is absent.

    Raises ValueError, which names it, if one is no finite number.
    """
    try:
        value = dataset.get(keyword, [])
        values = value if isinstance(value, MultiValue | list) else [value]
        found = [None if each in (None, "", b"") else float(each) for each in values]
        finite = np.isfinite([each for each in found if each is not None]).all()
    except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):  # pydicom's, of the types
        finite = False
    if not finite:
        raise ValueError(f"{keyword} {_shown(dataset, keyword)}, which is no number")
    return found


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value of an attribute, None if it is absent or empty. Raises ValueError as `numbers`."""
    return next(iter(numbers(dataset, keyword)), None)


def whole(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """Return the first value of an attribute as an integer.

    Raises ValueError, which names it, if it is none, or if it is absent or empty and there is no default.
    """
    found = number(dataset, keyword)
    found = default if found is None else found
    if found is None:
        raise ValueError(f"no {keyword}")
    if found != int(found):
        raise ValueError(f"{keyword} {found:g}, which is no integer")
    return int(found)


def text(dataset: Dataset, keyword: str) -> str:
    """Return the first value of an attribute as text, "" if it is absent or empty."""
    value = dataset.get(keyword)
    first = next(iter(value), None) if isinstance(value, MultiValue) else value
    return "" if first is None else str(first).strip()


def look_up_table(dataset: Dataset, keyword: str, *, signed: bool) -> LookUpTable | None:
    """Return the first table of a sequence that has entries, None if there is none.

    Raises ValueError, which names the sequence, for a damaged table.
    """
    items = dataset.get(keyword) or []
    if items and not isinstance(items, Sequence):
        raise ValueError(f"{keyword} without items")
    try:
        little_endian, filled = dataset.original_encoding[1], (item for item in items if item.get("LUTData"))
        return next((_table(item, signed=signed, little_endian=little_endian) for item in filled), None)
    except ValueError as error:
        raise ValueError(f"{keyword} with {error}") from error


def _table(item: Dataset, *, signed: bool, little_endian: bool) -> LookUpTable:
    descriptor = numbers(item, "LUTDescriptor")
    if len(descriptor) != 3 or None in descriptor:
        raise ValueError(f"LUTDescriptor {descriptor} in place of three numbers")
    count, first, bits = map(int, descriptor)
    count = count % 2**16 or 2**16  # the standard writes 65,536, too large for two bytes, as 0
    if not 1 <= bits <= 16:
        raise ValueError(f"entries of {bits} bits")
    if signed and first >= 2**15:  # a negative number that was written as unsigned
        first -= 2**16
    entries = _entries(item, count, bits, little_endian)
    if len(entries) < count:
        raise ValueError(f"{len(entries)} of its {count} entries")
    return LookUpTable(first, bits, entries[:count])


def _entries(item: Dataset, count: int, bits: int, little_endian: bool) -> np.ndarray:
    """Return the entries, of which two of 8 bits may share a word, the first in its lower byte."""
    data = item.get("LUTData")
    if isinstance(data, bytes):
        words = np.frombuffer(data + bytes(len(data) % 2), "<u2" if little_endian else ">u2")
    else:
        words = np.array([each or 0 for each in numbers(item, "LUTData")]).astype(np.int64).astype("<u2")
    packed = bits <= 8 and len(words) == (count + 1) // 2 < count
    return words.astype("<u2").view(np.uint8) if packed else words.astype(np.uint16)


def _shown(dataset: Dataset, keyword: str) -> str:
    """Return the value as the file has it, in quotes and at most 40 characters."""
    value = dataset.get_item(keyword).value
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return printable(f"'{text.strip()[:40]}'")
