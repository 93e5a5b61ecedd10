"""Work ahead and behind: the order of one thread, the time of two."""

import threading

import pytest

from distill.ahead import Behind, ahead


def test_results_come_in_order_and_are_those_of_a_plain_map():
    assert list(ahead(lambda n: n * n, range(50))) == [n * n for n in range(50)]
    assert list(ahead(str, [])) == []


def test_the_next_items_are_worked_on_while_one_is_used_and_no_more_than_that():
    begun, third = [], threading.Event()

    def work(item):
        begun.append(item)
        if item == 2:
            third.set()
        return item

    results = ahead(work, range(20), depth=2)
    assert next(results) == 0
    assert third.wait(10)  # though only the first was asked for
    results.close()
    assert begun == [0, 1, 2]


def test_what_work_raises_comes_in_its_turn():
    results = ahead(lambda n: 1 // n, [2, 1, 0, 1])
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_all_that_was_put_off_is_done_in_order_when_the_block_is_left():
    kept, begin = [], threading.Event()

    def work(first, second):
        begin.wait(10)
        kept.append((first, second))

    with Behind(work, depth=3) as later:
        for n in range(3):
            later(n, -n)
        assert kept == []
        begin.set()
    assert kept == [(0, 0), (1, -1), (2, -2)]


@pytest.mark.parametrize("count", [1, 9])
def test_work_that_fails_behind_fails_the_block(count):
    def work(n):
        if n == 0:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), Behind(work) as later:
        for n in range(count):
            later(n)


def test_a_block_that_fails_does_no_more_of_what_was_put_off():
    kept, begin, begun = [], threading.Event(), threading.Event()

    def work(n):
        begun.set()
        begin.wait(10)
        kept.append(n)

    with pytest.raises(KeyError), Behind(work, depth=5) as later:
        for n in range(5):
            later(n)
        begun.wait(10)
        threading.Timer(0.2, begin.set).start()
        raise KeyError
    assert kept == [0]


def test_after_a_failure_nothing_that_was_put_off_is_done():
    tried, begin = [], threading.Event()

    def work(n):
        begin.wait(10)
        tried.append(n)
        if n == 1:
            raise OSError("disk full")

    def put_off():
        with Behind(work, depth=5) as later:
            for n in range(5):
                later(n)
            begin.set()

    with pytest.raises(OSError, match="disk full"):
        put_off()
    assert tried == [0, 1]
