# SPDX-License-Identifier: Apache-2.0
"""Work for two threads is done once, by whichever comes to it first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from perilscope.cycle.task import Task


def test_what_the_other_thread_has_not_begun_is_done_by_who_asks():
    may_go = threading.Event()
    with ThreadPoolExecutor(1) as other:
        busy = Task(other, may_go.wait)
        mine = Task(other, threading.get_ident)
        assert mine.result() == threading.get_ident()
        may_go.set()
        assert busy.result()


def test_what_the_other_thread_has_begun_is_waited_for():
    begun, done = threading.Event(), []

    def work() -> int:
        begun.set()
        done.append(threading.get_ident())
        return 7

    with ThreadPoolExecutor(1) as other:
        task = Task(other, work)
        assert begun.wait(60)
        assert (task.result(), task.result()) == (7, 7)
    assert len(done) == 1
    assert done[0] != threading.get_ident()


def test_all_who_ask_get_the_same_and_it_is_done_once():
    done: list[int] = []
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(8) as askers:
        tasks = [Task(other, lambda k=k: done.append(k) or k) for k in range(200)]
        found = list(askers.map(lambda k: tasks[k % 200].result(), range(800)))
    assert found == [k % 200 for k in range(800)]
    assert sorted(done) == list(range(200))


def test_who_asks_is_told_what_went_wrong():
    def work(what: str) -> None:
        raise ValueError(what)

    with ThreadPoolExecutor(1) as other:
        task = Task(other, work, "no such thing")
        for _ in range(2):
            with pytest.raises(ValueError, match="no such thing"):
                task.result()
