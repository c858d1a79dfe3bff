# SPDX-License-Identifier: Apache-2.0
"""Work for two threads: what one of them has not begun the other does when it asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Generic, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


class Task(Generic[_Found]):
    """Work that an executor does in its turn, or who asks for it first; it is done once.

    A task may ask for others that were made before it.

    Parameters
    ----------
    executor : Executor
    work : callable
        What is to be done, with what it is given.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(1) as other:
    ...     one = Task(other, lambda: 20)
    ...     two = Task(other, lambda more: one.result() + more, 1)
    ...     two.result()
    21
    """

    def __init__(
        self,
        executor: Executor,
        work: Callable[_Given, _Found],
        *given: _Given.args,
        **named: _Given.kwargs,
    ) -> None:
        self._work, self._begun = partial(work, *given, **named), threading.Lock()
        self._found: Future[_Found] = Future()
        executor.submit(self._do)

    def _do(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._found.set_result(self._work())
        except BaseException as error:  # who asks is told
            self._found.set_exception(error)

    def result(self) -> _Found:
        """What the work gave; raises what it raised."""
        self._do()
        return self._found.result()
