"""Prefetching and writing behind on threads keep the order of one thread."""

import threading

import pytest

from rayling.common.parallel import WriteBehind, prefetch


def test_prefetched_results_are_those_of_a_plain_map_in_order():
    assert list(prefetch(lambda n: n * n, range(50))) == [n * n for n in range(50)]
    assert list(prefetch(str, [])) == []


def test_the_next_two_items_are_prefetched_while_one_is_used_and_no_more():
    begun, third = [], threading.Event()

    def work(item):
        begun.append(item)
        if item == 2:
            third.set()
        return item

    results = prefetch(work, range(20), depth=2)
    assert next(results) == 0
    assert third.wait(10)  # though only the first was asked for
    results.close()
    assert begun == [0, 1, 2]


def test_an_exception_is_raised_where_its_result_would_have_come():
    results = prefetch(lambda n: 1 // n, [2, 1, 0, 1])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_leaving_the_block_waits_for_all_calls_in_order():
    written, begin = [], threading.Event()

    def work(first, second):
        begin.wait(10)
        written.append((first, second))

    with WriteBehind(work, depth=3) as write_later:
        for n in range(3):
            write_later(n, -n)
        assert written == []
        begin.set()
    assert written == [(0, 0), (1, -1), (2, -2)]


@pytest.mark.parametrize("count", [1, 9])
def test_a_call_that_fails_fails_the_block(count):
    def work(n):
        if n == 0:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), WriteBehind(work) as write_later:
        for n in range(count):
            write_later(n)


def test_a_block_that_fails_drops_the_calls_that_have_not_begun():
    written, begin, begun = [], threading.Event(), threading.Event()

    def work(n):
        begun.set()
        begin.wait(10)
        written.append(n)

    with pytest.raises(KeyError), WriteBehind(work, depth=5) as write_later:
        for n in range(5):
            write_later(n)
        begun.wait(10)
        threading.Timer(0.2, begin.set).start()
        raise KeyError
    assert written == [0]


def test_after_a_failure_no_call_is_made():
    tried, begin = [], threading.Event()

    def work(n):
        begin.wait(10)
        tried.append(n)
        if n == 1:
            raise OSError("disk full")

    def write_all():
        with WriteBehind(work, depth=5) as write_later:
            for n in range(5):
                write_later(n)
            begin.set()

    with pytest.raises(OSError, match="disk full"):
        write_all()
    assert tried == [0, 1]
