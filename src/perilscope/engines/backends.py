# SPDX-License-Identifier: Apache-2.0
"""The two backends that draw the events of plain lines, and the choice between them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

from perilscope.engines import vectorised
from perilscope.engines.law import Floats, Integers
from perilscope.engines.tabled import Table
from perilscope.engines.vectorised import Key
from perilscope.errors import MisuseError

MANY = 2e7
"""Events of a run from which on it pays to load the compiled backend."""
Cache = Callable[[], "str | None"]
NAMES = ("auto", "numpy", "numba")


class Backend(Protocol):
    """What draws events; :mod:`~perilscope.engines.vectorised` says what each function does."""

    NAME: str

    def placed(
        self,
        out: Floats,
        also: Floats,
        table: Table,
        counts: Integers,
        key: Key,
        keep: Floats,
        marks: Key,
    ) -> None:
        """Add events that fall on horizons at random."""

    def given(
        self,
        out: Floats,
        also: Floats,
        table: Table,
        horizons: Integers,
        key: Key,
        keep: Floats,
        marks: Key,
    ) -> None:
        """Add events of which the horizons are known."""

    def hit(self, count: int, key: Key) -> Integers:
        """Horizons that so many events fall on."""

    def values(self, table: Table, number: int, key: Key) -> Floats:
        """Independent values of a law."""

    def reached(self, ends: Floats, times: Floats) -> Integers:
        """Stretch that each time lies in."""


def backend(name: str, events: float, cache: Cache | None = None) -> Backend:
    """The backend of this name.

    Parameters
    ----------
    name : str
        ``"numpy"``, ``"numba"``, or ``"auto"``: NumPy for fewer than 2e7 events and where Numba
        is not installed, else Numba.
    events : float
        Events that are expected in the whole run.
    cache : callable, optional
        Gives the folder in which machine code is kept from run to run, or None; asked when the
        compiled backend is chosen. Absent, Numba's own setting holds (``NUMBA_CACHE_DIR``), and
        without that each process compiles anew.

    Raises
    ------
    MisuseError
        If there is no such backend, or Numba is asked for and not installed.

    Examples
    --------
    >>> backend("auto", 1e6).NAME
    'numpy'
    """
    if name not in NAMES:
        raise MisuseError(f"no backend {name!r}; there are {', '.join(NAMES)}")
    if name == "numpy" or (name == "auto" and events < MANY):
        return vectorised
    if not installed():
        if name == "auto":
            return vectorised
        raise MisuseError(
            "the backend 'numba' wants the package numba: pip install 'perilscope[fast]', "
            "or take the backend 'numpy'"
        )
    return _compiled(cache)


def installed() -> bool:
    """Whether the compiled backend can be had."""
    return importlib.util.find_spec("numba") is not None


def keep(cache: Cache | None) -> None:
    """Have machine code kept in a folder; read when functions are made, at their import."""
    from numba.core import config

    folder = cache() if cache is not None else None
    if folder is not None:
        settings: Any = config
        settings.CACHE_DIR = folder


def _compiled(cache: Cache | None) -> Backend:
    keep(cache)
    from perilscope.engines import compiled

    return compiled
