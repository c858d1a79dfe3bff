# SPDX-License-Identifier: Apache-2.0
"""The two backends that draw the events of plain lines, and the choice between them."""

from __future__ import annotations

from typing import Any, Protocol

from perilscope.engines import machine_code
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.machine_code import Cache
from perilscope.engines.simulation import vectorised
from perilscope.engines.simulation.tabled import Table
from perilscope.engines.simulation.vectorised import Key

MANY = 2e7
"""Events of a run from which on it pays to load the compiled backend."""


class Backend(Protocol):
    """What draws events; :mod:`~simulation.vectorised` says what each function does."""

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

    def hit(self, counts: Integers, key: Key) -> Integers:
        """Horizons on which marks fall."""

    def values(self, table: Table, number: int, key: Key) -> Floats:
        """Independent values of a law."""

    def repeated(self, horizons: Integers, numbers: Integers) -> Integers:
        """Each horizon as many times as is said."""

    def reached(self, stretches: Floats, gaps: Floats) -> Integers:
        """Stretch that each point lies in."""


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
        Gives the folder in which machine code is kept from run to run, or None; see
        `machine_code.load`.

    Raises
    ------
    MisuseError
        If there is no such backend, or Numba is asked for and not installed.

    Examples
    --------
    >>> backend("auto", 1e6).NAME
    'numpy'
    """
    machine_code.check(name)
    if name == "numpy" or (name == "auto" and events < MANY):
        return vectorised
    compiled: Any = machine_code.load("perilscope.engines.simulation.compiled", cache)
    return vectorised if compiled is None else compiled
