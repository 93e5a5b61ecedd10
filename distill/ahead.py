"""Work on other threads, so that reading and writing hide behind computing.

Reading and writing alone: where another thread calls a parallel operation of torch's, OpenMP gives it a team of its
own, and two teams on the same cores hinder one another (LOG.md: dumping took 1.4 times as long).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item, Result = TypeVar("Item"), TypeVar("Result")

DEPTH = 2  # results that wait at most: one in use, one ready, one in the making


def ahead(work: Callable[[Item], Result], items: Iterable[Item], *, depth: int = DEPTH) -> Iterator[Result]:
    """Yield `work(item)` for every item in turn, while threads do the next `depth` of them, several at a time.

    What `work` raises is raised where its result would have come. A loop that is left early waits for those begun.
    """
    waiting = deque()
    with ThreadPoolExecutor(depth) as threads:
        for item in items:
            waiting.append(threads.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Behind:
    """Do work in turn on a thread, at most `depth` calls late: `with Behind(work) as later: later(…)`.

    Leaving the block waits until all is done. What `work` raises is raised by a later call or on leaving, and nothing
    that was put off is done after it.
    """

    def __init__(self, work: Callable[..., object], *, depth: int = DEPTH) -> None:
        self.work, self.depth, self.waiting, self.failed = work, depth, deque(), False

    def __enter__(self) -> Callable[..., None]:
        self.thread = ThreadPoolExecutor(1)
        return self._later

    def __exit__(self, kind, *_) -> None:
        self.thread.shutdown(cancel_futures=kind is not None)
        while self.waiting and kind is None:
            self.waiting.popleft().result()

    def _later(self, *arguments) -> None:
        self.waiting.append(self.thread.submit(self._unless_failed, *arguments))
        if len(self.waiting) > self.depth:
            self.waiting.popleft().result()

    def _unless_failed(self, *arguments) -> None:
        if not self.failed:
            self.failed = True
            self.work(*arguments)
            self.failed = False
