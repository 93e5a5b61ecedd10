"""A file in memory of which most was never written: the place of gigabytes that are filled later."""

import io
from pathlib import Path

PAGE = 2**16  # bytes


class Holes(io.RawIOBase):
    """Holds the pages that were written, and no more; `save` makes a sparse file of them."""

    def __init__(self) -> None:
        self.pages, self.place, self.size = {}, 0, 0

    def save(self, path: str | Path) -> None:
        """Write it to the disk. Raises OSError if that is full."""
        with Path(path).open("wb") as file:
            for number, page in self.pages.items():
                file.seek(number * PAGE)
                file.write(page)
            file.truncate(self.size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As any file."""
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        return self.place

    def tell(self) -> int:
        """As any file."""
        return self.place

    def truncate(self, size: int | None = None) -> int:
        """As any file; what lies behind the end is not read again, as HDF5 sets it once."""
        self.size = self.place if size is None else size
        return self.size

    def write(self, content) -> int:
        """As any file."""
        content = memoryview(content).cast("B")
        for number, inside, part in self._parts(len(content)):
            self.pages.setdefault(number, bytearray(PAGE))[inside] = content[part]
        self.place += len(content)
        if content:  # else not even a hole
            self.size = max(self.size, self.place)
        return len(content)

    def readinto(self, buffer) -> int:
        """As any file; holes are zeros."""
        buffer = memoryview(buffer).cast("B")
        count = max(0, min(len(buffer), self.size - self.place))
        for number, inside, part in self._parts(count):
            page = self.pages.get(number)
            buffer[part] = page[inside] if page else bytes(inside.stop - inside.start)
        self.place += count
        return count

    def readable(self) -> bool:
        """As any file."""
        return True

    writable = seekable = readable

    def _parts(self, count):
        """Of the next `count` bytes, page by page: its number, which bytes of it, which bytes of them."""
        first = self.place
        while first < self.place + count:
            number, start = divmod(first, PAGE)
            stop = min(PAGE, start + self.place + count - first)
            yield number, slice(start, stop), slice(first - self.place, first - self.place + stop - start)
            first += stop - start
