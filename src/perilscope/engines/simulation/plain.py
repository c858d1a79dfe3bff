# SPDX-License-Identifier: Apache-2.0
"""Plain lines, in which nothing but chance is unknown: one random number for each event.

A plain line has one law of counts and one law of the loss per event for all horizons. The loss
comes from a table (:mod:`simulation.tabled`), the events from one of two backends.
Controls act as marks on the events, so that a line with and without one has the same events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.laws.counts import Binomial, CountLaw, Poisson
from perilscope.engines.laws.distributions import Constant, Discrete, Distribution
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.simulation.backends import Backend
from perilscope.engines.simulation.tabled import Table, table
from perilscope.engines.simulation.vectorised import BLOCK, PAGE, Key
from perilscope.engines.streams import stream, words
from perilscope.errors import MisuseError

MOST_COUNT, MOST_MEAN = 1 << 12, 256.0
"""Events of one horizon, and their mean, beyond which a count that is not Poisson has no table."""
MOST_EVENTS = 1e13
"""Events of one line in a run; more would take days."""
RARE = 0.7
"""Chance of any event below which the horizons that have some are drawn, and not all looked at."""
_WHOLE = Constant(1.0)
_NONE = np.zeros(0)


@dataclass(frozen=True)
class Period:
    """One period of a line: the year under a yearly cap, else the horizon.

    Parameters
    ----------
    loss : Table
        The loss per event.
    number : Table or None
        Events of a horizon that has some (of any horizon where ``falls`` is None and the line is
        not driven); None where that is one event, or where each event falls by itself (Poisson).
    falls : array, shape (blocks, pages), or None
        How many events, or marks of horizons that have events, fall on each page of each block;
        None where all horizons are looked at or a driver says which.
    alone : bool
        Whether what falls are events (Poisson) and not marks.
    name : str
        End of the names of its streams.
    """

    loss: Table
    number: Table | None
    falls: Integers | None
    alone: bool
    name: str


@dataclass(frozen=True)
class Plain:
    """A plain line, ready to be drawn block by block."""

    line: Compound
    periods: tuple[Period, ...]
    seed: int
    expected: float
    """Events of one horizon, on average."""

    @property
    def direct(self) -> bool:
        """Whether its events are its loss as they come: no scale, one period."""
        return len(self.periods) == 1 and self.line.scale == _WHOLE

    def block(self, block: int, happens: Any, backend: Backend) -> list[Floats]:
        """Loss in each period of each horizon of a block.

        Parameters
        ----------
        block : int
            Number of the block.
        happens : array of bool, shape (BLOCK,), or None
            For a driven line, in which horizons it has events.
        backend : Backend
            What draws.
        """
        scale = self._share(self.line.scale, "scale, belief", block, backend)
        losses = []
        for index in range(len(self.periods)):
            loss = np.zeros(BLOCK)
            self.add(loss, _NONE, block, happens, backend, index)
            losses.append(loss * scale)
        return losses

    def add(
        self,
        out: Floats,
        also: Floats,
        block: int,
        happens: Any,
        backend: Backend,
        index: int = 0,
    ) -> None:
        """Add the events of one period of a block to one or two arrays, shape (BLOCK,)."""
        period, line = self.periods[index], self.line

        def key(purpose: str) -> Key:
            return words(self.seed, line.key, purpose + period.name, block)

        keep = _NONE
        if line.keep != _WHOLE:
            keep = self._share(line.keep, "keep, belief", block, backend)
        events = key("event")
        marks = key("keep") if len(keep) else events
        if period.alone and period.falls is not None:
            counts = period.falls[block]
            backend.placed(out, also, period.loss, counts, events, keep, marks)
            return
        if happens is not None:
            horizons = np.flatnonzero(happens)
        elif period.falls is None:
            horizons = np.arange(BLOCK)
        else:
            horizons = backend.hit(period.falls[block], key("hit"))
        if period.number is not None:
            number = backend.values(period.number, len(horizons), key("number"))
            horizons = backend.repeated(horizons, np.rint(number).astype(np.int64))
        backend.given(out, also, period.loss, horizons, events, keep, marks)

    def _share(self, law: Distribution, purpose: str, block: int, backend: Backend) -> Floats:
        """One share, or one for each horizon."""
        if isinstance(law, Constant):
            return np.array([float(law.value)])
        known, key = table(law), self.line.key
        if known is None:
            return np.asarray(law.sample(stream(self.seed, key, purpose, block), BLOCK))
        return backend.values(known, BLOCK, words(self.seed, key, purpose, block))


def plain(
    line: Compound, years: Sequence[float], seed: int, blocks: int, *, driven: bool
) -> Plain | None:
    """A line that can be drawn from tables, or None where it has to be drawn by its laws.

    Parameters
    ----------
    line : Compound
        The line.
    years : sequence of float
        Lengths of the periods that are drawn apart.
    seed : int
        Seed of the run.
    blocks : int
        How many blocks will be drawn.
    driven : bool
        Whether a joint state says in which horizons it has events.
    """
    if line.beliefs or (driven and len(years) > 1):
        return None
    periods: list[Period] = []
    expected = 0.0
    for index, length in enumerate(years):
        counts, loss = line.build((), length)
        if counts.varies or loss.varies or not math.isfinite(float(counts.mean)):
            return None
        expected += float(counts.mean)
        if expected * BLOCK * blocks > MOST_EVENTS:
            raise MisuseError(
                f"{line.key}: {expected:.3g} events a horizon are too many for so many horizons: "
                "ask for fewer of them, or for the exact engine"
            )
        name = f", year {index}" if index else ""
        period = _period(line.key, counts, loss, name, seed, blocks, driven=driven)
        if period is None:
            return None
        periods.append(period)
    return Plain(line, tuple(periods), seed, expected)


def _period(
    key: str,
    counts: CountLaw,
    loss: Distribution,
    name: str,
    seed: int,
    blocks: int,
    *,
    driven: bool,
) -> Period | None:
    losses = table(loss)
    if losses is None:
        return None

    def falling(rate: float) -> Integers:
        # a block's numbers are the same however many blocks are drawn
        counts = stream(seed, key, "falls" + name).poisson(rate * PAGE, (blocks, BLOCK // PAGE))
        return np.asarray(counts)

    if isinstance(counts, Poisson) and not driven:
        return Period(losses, None, falling(counts.mean), True, name)
    some = 1.0 - float(counts.zero)
    if some == 0.0 and not driven:
        return Period(losses, None, falling(0.0), True, name)
    rare = some < RARE and not driven
    law = counts.given_some() if driven or rare else counts
    once = isinstance(law, Binomial) and law.n == 1 and law.p == 1.0
    number = None if once else _number(law)
    if number is None and not once:
        return None
    # a horizon is hit at least once with the chance that it has events
    falls = falling(-math.log1p(-some)) if rare else None
    return Period(losses, number, falls, False, name)


def _number(counts: CountLaw) -> Table | None:
    """Table of a count, its chances from the generating function on a circle."""
    mean, size = float(counts.mean), 64
    while size <= MOST_COUNT and mean <= MOST_MEAN:
        circle = np.exp(-2j * np.pi * np.arange(size) / size)
        chances = np.fft.ifft(counts.pgf(circle)).real
        chances = np.where(chances > 1e-15, chances, 0.0)
        shares = chances / math.fsum(chances)
        # counts beyond the circle would fall back onto its beginning, and the mean with them
        if abs(math.fsum(shares * np.arange(size)) - mean) <= 1e-10 * mean:
            there = np.flatnonzero(shares)
            return table(Discrete(tuple(there.tolist()), tuple(shares[there].tolist())))
        size *= 2
    return None
