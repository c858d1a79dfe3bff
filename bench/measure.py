# SPDX-License-Identifier: Apache-2.0
"""Time cases in turn with each other, several rounds, so that a busy moment hits all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_LONG_ENOUGH = 0.03
"""Shorter cases are called several times a round, so that the clock's grain does not show."""


@dataclass(frozen=True)
class Case:
    """Something to time.

    ``run`` is called once a round. A case that is timed elsewhere (in another process) returns its
    own seconds and says so by ``timed``. ``years`` is how many years it simulates.
    """

    name: str
    run: Callable[[], object]
    timed: bool = False
    years: int = 0


@dataclass(frozen=True)
class Timing:
    """Seconds of one case, a value a round."""

    seconds: tuple[float, ...]
    years: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Simulated years a second."""
        return self.years / self.median


def interleaved(
    cases: Sequence[Case], rounds: int, say: Callable[[str], None]
) -> dict[str, Timing]:
    """Run every case once to warm up, then all of them ``rounds`` times in turn.

    A case that fails while it warms up is left out, and said.
    """
    todo: list[tuple[Case, int]] = []
    for case in cases:
        try:
            todo.append((case, _calls(case)))
        except Exception as error:  # a peer may fail in any way
            say(f"left out: {case.name}: {type(error).__name__}: {error}")
    times: dict[str, list[float]] = {case.name: [] for case, _ in todo}
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        for case, calls in todo:
            times[case.name].append(_timed(case, calls))
    return {case.name: Timing(tuple(times[case.name]), case.years) for case, _ in todo}


def _calls(case: Case) -> int:
    """Calls a round; the first call compiles and loads, the second tells how long one takes."""
    _timed(case, 1)
    if case.timed:
        return 1
    return min(max(round(_LONG_ENOUGH / max(_timed(case, 1), 1e-9)), 1), 100)


def _timed(case: Case, calls: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        found = case.run()
    spent = (time.perf_counter() - start) / calls
    return float(found) if case.timed and isinstance(found, float) else spent
