# SPDX-License-Identifier: Apache-2.0
"""Who works beside a run: processes of their own where these can be had, else a second thread.

Threads take turns at the interpreter, so that a second one gains little where the work is many
small steps. A process that begins as a copy of this one knows all that this one knows; only what it
finds is sent back. Either way the same functions give the same figures.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from perilscope.cycle.task import Task
from perilscope.engines.cores import cores

_Found = TypeVar("_Found")
_Found_co = TypeVar("_Found_co", covariant=True)
Tell = Callable[[str, int, int], None]
"""Called with (what is being done, done, of how many)."""

_LATER = 2
"""How much later than this one another process is served: the walk is the longest way."""
_SELDOM = 0.5
"""Seconds between two words on how far a process is."""


class Pending(Protocol[_Found_co]):
    """What is being found."""

    def result(self) -> _Found_co:
        """What was found; raises what went wrong."""


class Others:
    """Others that work while the walk goes on; use it as a context, which ends their work.

    Parameters
    ----------
    tell : callable
        Told how far they are, when somebody waits for them.
    processes : bool
        Whether processes are wanted. They are had where a process can begin as a copy of this one,
        this one has no other threads (whose locks a copy would find shut for ever), and there is
        a processor for them.

    Examples
    --------
    >>> with Others(lambda what, done, of: None) as others:
    ...     others.begin(lambda number, tell: 2 * number, 21).result()
    42
    """

    def __init__(self, tell: Tell, *, processes: bool = False) -> None:
        self._tell = tell
        alone = sys.platform == "linux" and threading.active_count() == 1 and cores() > 1
        self._processes: list[_Process[Any]] | None = [] if processes and alone else None
        self._thread: Executor = _Nobody() if self._processes is not None else ThreadPoolExecutor(1)

    def begin(self, work: Callable[..., _Found], *given: Any) -> Pending[_Found]:
        """Have something found: ``work(*given, tell)``, whose answer can be sent (pickled)."""
        if self._processes is None:
            return Task(self._thread, work, *given, self._tell)
        process = _Process(work, given, self._tell)
        self._processes.append(process)
        return process

    def aside(self, work: Callable[..., _Found], *given: Any) -> Pending[_Found]:
        """Have something found here, of which others may be told: ``work(*given)``.

        By a second thread where there is one, else by who asks.
        """
        return Task(self._thread, work, *given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes or ():
            process.end()
        self._thread.shutdown()


class _Nobody(Executor):
    """Takes no work: who asks for it does it."""

    def submit(self, fn: Callable[..., Any], /, *_args: Any, **_named: Any) -> Future[Any]:
        return Future()


class _Process(Generic[_Found]):
    """Work in a process of its own; where that dies, it is done here."""

    def __init__(self, work: Callable[..., _Found], given: tuple[Any, ...], tell: Tell) -> None:
        self._work, self._given, self._tell = work, given, tell
        self._answer: tuple[bool, Any] | None = None
        copies = multiprocessing.get_context("fork")
        self._here, there = copies.Pipe(duplex=False)
        self._process = copies.Process(target=_serve, args=(there, work, given), daemon=True)
        with warnings.catch_warnings():  # threads of BLAS, which look after themselves
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        there.close()

    def result(self) -> _Found:
        """What was found; raises what went wrong."""
        if self._answer is None:
            self._answer = self._asked()
        good, found = self._answer
        if not good:
            raise found
        return found  # type: ignore[no-any-return]

    def _asked(self) -> tuple[bool, Any]:
        try:
            while True:
                kind, said = self._here.recv()
                if kind != "told":
                    return kind == "found", said
                self._tell(*said)
        except (EOFError, OSError):  # it ended without an answer: of memory there may be too little
            return True, self._again()
        finally:
            self.end()

    def _again(self) -> _Found:
        return self._work(*self._given, self._tell)

    def end(self) -> None:
        """Have no more of it."""
        self._here.close()
        self._process.terminate()
        self._process.join()


def _serve(there: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    """Do the work in a copy of the process, and send what was found."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began it is interrupted, and ends it
    gc.freeze()  # what it was born with is looked at by nobody, so that memory stays shared
    os.nice(_LATER)
    last = time.monotonic()

    def tell(*said: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= _SELDOM:
            there.send(("told", said))
            last = time.monotonic()

    try:
        try:
            answer = "found", work(*given, tell)
        except Exception as error:  # who asks is told
            answer = "failed", error
        there.send(answer)
    except (BrokenPipeError, ConnectionResetError):  # nobody asks any more
        return
