# SPDX-License-Identifier: Apache-2.0
"""What was computed once and may be wanted again, within bounds: what came first goes first.

A value depends on its key alone, so no figure depends on whether it came from here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key; any number of threads may ask.

    Parameters
    ----------
    most : int
        Total weight above which values are let go.
    weigh : callable
        Weight of a value; each weighs one by default.

    Examples
    --------
    >>> squares = Kept[int](2)
    >>> [squares.get(k, lambda k=k: k * k) for k in (2, 3, 4, 2)], len(squares)
    ([4, 9, 16, 4], 2)
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] | None = None) -> None:
        self._most, self._weigh, self._total = most, weigh, 0
        self._values: dict[Hashable, Value] = {}
        self._lock = threading.Lock()
        self.peek = self._values.get
        """The value of a key, or None."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made when it is not here."""
        found = self._values.get(key)
        if found is not None:
            return found
        return self.put(key, make())  # another thread may make the same at the same time

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep a value that was made elsewhere."""
        weigh = self._weigh
        weight = 1 if weigh is None else weigh(value)
        with self._lock:
            if key not in self._values and weight <= self._most:
                self._values[key] = value
                self._total += weight
                while self._total > self._most:
                    first = self._values.pop(next(iter(self._values)))
                    self._total -= 1 if weigh is None else weigh(first)
        return value

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._values.clear()
            self._total = 0
