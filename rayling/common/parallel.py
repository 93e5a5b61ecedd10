"""Prefetching and writing behind on threads, and a pool of processes that ends with its parent.

Threads hide reading and writing behind computation, and should do nothing else: a parallel operation of torch on a
second thread gets its own team of OpenMP threads, and two teams on the same cores slow each other down (docs/log: the
dump took 1.4 times as long).
"""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item, Result = TypeVar("Item"), TypeVar("Result")

DEPTH = 2  # calls in progress or waiting, beside the one whose result is in use
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def prefetch(work: Callable[[Item], Result], items: Iterable[Item], *, depth: int = DEPTH) -> Iterator[Result]:
    """Yield `work(item)` for each item in order, while `depth` threads work on the next `depth` items.

    `items` is read on the caller's thread. An exception of `work` is raised where its result would have come. If the
    loop ends early, the calls that have begun are waited for.
    """
    waiting = deque()
    with ThreadPoolExecutor(depth) as threads:
        for item in items:
            waiting.append(threads.submit(work, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class WriteBehind:
    """Calls `work` on one other thread, in order: `with WriteBehind(work) as write_later: write_later(arguments)`.

    `write_later` returns at once, unless `depth` calls are unfinished: then it waits for the oldest. Leaving the block
    waits for all calls; leaving it by an exception drops those that have not begun. An exception of `work` is raised by
    a later call or on leaving the block, and no call is made after it.
    """

    def __init__(self, work: Callable[..., object], *, depth: int = DEPTH) -> None:
        self.work, self.depth, self.waiting, self.failed = work, depth, deque(), False

    def __enter__(self) -> Callable[..., None]:
        self.thread = ThreadPoolExecutor(1)
        return self._write_later

    def __exit__(self, kind, *_) -> None:
        self.thread.shutdown(cancel_futures=kind is not None)
        while self.waiting and kind is None:
            self.waiting.popleft().result()

    def _write_later(self, *arguments) -> None:
        self.waiting.append(self.thread.submit(self._unless_failed, *arguments))
        if len(self.waiting) > self.depth:
            self.waiting.popleft().result()

    def _unless_failed(self, *arguments) -> None:
        if self.failed:
            return
        try:
            self.work(*arguments)
        except BaseException:
            self.failed = True
            raise


@contextmanager
def process_pool(count: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` processes (default: one per core) that ends when this process ends, even if it is killed.

    Leaving the block waits for all tasks; leaving it by an exception drops those that have not begun.
    """
    pool = ProcessPoolExecutor(count, initializer=end_with_parent, initargs=(os.getpid(),))
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def end_with_parent(parent: int) -> None:
    """Make this process end when its parent, the process with the number `parent`, ends; call it in the child.

    Ctrl-C is left to the parent, which ends its children. If the parent is killed, Linux kills the child; on other
    systems the child waits for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before prctl was called
            os._exit(1)
