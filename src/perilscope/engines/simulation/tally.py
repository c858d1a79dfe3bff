# SPDX-License-Identifier: Apache-2.0
"""Losses of more horizons than memory holds: counts by size, and the far tail loss by loss.

A histogram has 1,024 bins for each doubling of the total, 256 for a line. A bin knows how many
losses fell into it, their sum, the least and the greatest, so that an atom stays one value and what
lies between is interpolated in a stretch of a thousandth (a line: 1 in 250). The largest losses of
all are kept themselves: order statistics there are exact. Blocks are merged in their order, so
nothing depends on how many threads drew them, and memory does not grow with the horizons.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perilscope.engines.laws.law import Floats, Integers, Numbers
from perilscope.engines.simulation.binned import Block, Some, bins_of, sorter
from perilscope.engines.simulation.draws import Simulated
from perilscope.errors import MisuseError
from perilscope.once import cached_property

TOTAL, LINE = 10, 8
"""Bins for each doubling of the loss, as a power of two: of the total, and of a line or a part."""
MOST_TAIL = 1 << 21
"""Largest totals that are kept one by one, at most; never fewer than half, once there are."""
MOST_OF_LINE = 1 << 15
"""The same for each line."""
_ROOM = 1 << 14
"""Losses that are put beside those at a time."""
_FEW = 8
"""Losses that are looked for one by one, without sorting those that are kept."""
_STRETCH = 1 << 8
"""Bins by which rows grow."""


class Rows:
    """Rows of numbers by bin, which reach over the bins that were needed so far."""

    def __init__(self, number: int) -> None:
        self.first, self.held = 0, np.zeros((number, 0))

    def reach(self, low: int, high: int) -> int:
        """Reach over the bins from low to high; gives the place of the bin ``low``."""
        begin, end = low & -_STRETCH, (high | (_STRETCH - 1)) + 1
        number, width = self.held.shape
        if width:
            begin, end = min(begin, self.first), max(end, self.first + width)
        if end - begin > width:
            held = np.zeros((number, end - begin))
            held[:, self.first - begin : self.first - begin + width] = self.held
            self.first, self.held = begin, held
        return low - self.first


class Ledger:
    """What all blocks so far say of one loss.

    Parameters
    ----------
    fine : int
        How fine its bins are: a power of two of them for each doubling of the loss.
    most : int
        Losses that are kept one by one, at most.
    """

    def __init__(self, fine: int, most: int) -> None:
        self.fine, self.most = fine, most
        self.count, self.zeros = 0, 0
        self.totals: list[float] = []
        self.squares = 0.0
        self.rows = Rows(4)
        self.floor = 0.0
        self._tail, self._kept = np.zeros(0), 0

    def __getstate__(self) -> dict[str, Any]:
        """Without room for losses that are not kept: it is large, and sent to other processes."""
        return {**vars(self), "_tail": self.kept}

    def add(self, block: Block) -> None:
        """Take in a block; blocks come in their order."""
        mean = self.mean
        self.squares += block.squares
        if self.count:  # Chan, Golub and LeVeque (1979)
            apart = block.total / block.count - mean
            both = self.count + block.count
            self.squares += apart * apart * self.count * block.count / both
        self.count += block.count
        self.totals.append(block.total)
        self.zeros += block.count - block.some
        if not block.some:
            return
        at = self.rows.reach(block.first, block.first + len(block.counts) - 1)
        counts, sums, least, greatest = self.rows.held[:, at : at + len(block.counts)]
        least[:] = np.where(counts == 0, block.least, np.minimum(least, block.least))
        np.maximum(greatest, block.greatest, out=greatest)
        counts += block.counts
        sums += block.sums
        beyond = block.beyond[block.beyond > self.floor]
        for begin in range(0, len(beyond), _ROOM):
            some = beyond[begin : begin + _ROOM]
            self._keep(some[some > self.floor])
            if self._kept > self.most:
                self._prune()

    def _keep(self, losses: Floats) -> None:
        """Put losses behind those that are kept, in memory that stays."""
        until = self._kept + len(losses)
        if until > len(self._tail):  # what is never written takes no memory
            room = np.empty(max(until, self.most + _ROOM))
            room[: self._kept] = self._tail[: self._kept]
            self._tail = room
        self._tail[self._kept : until] = losses
        self._kept = until

    def _prune(self) -> None:
        """Cut what is kept to its larger half, where it stands."""
        at = self._kept - self.most // 2
        losses = self._tail[: self._kept]
        losses.partition(at)
        self.floor = float(losses[at])
        above = losses[at:][losses[at:] > self.floor]
        self._kept = len(above)
        self._tail[: self._kept] = above

    @property
    def mean(self) -> float:
        """Mean of all losses so far."""
        return math.fsum(self.totals) / max(self.count, 1)

    @property
    def kept(self) -> Floats:
        """All losses above the floor, in no order."""
        return self._tail[: self._kept]

    @property
    def tail(self) -> Floats:
        """The same, ascending."""
        losses = self.kept
        losses.sort()
        return losses

    @property
    def occupied(self) -> Bins:
        """The bins that losses fell into."""
        bins = np.flatnonzero(self.rows.held[0])
        counts, sums, least, greatest = self.rows.held[:, bins]
        numbers = counts.astype(np.int64)
        return Bins(bins + self.rows.first, numbers, sums, least, greatest)


@dataclass(frozen=True)
class Bins:
    """Occupied bins, ascending: how many losses, their sum, least and greatest; shapes (b,)."""

    bins: Integers
    counts: Integers
    sums: Floats
    least: Floats
    greatest: Floats

    @cached_property
    def below(self) -> Integers:
        """Losses in the bins before each; last, in all of them; shape (b + 1,)."""
        return np.append(0, np.cumsum(self.counts))


@dataclass(frozen=True, eq=False)
class Tally(Simulated):
    """Losses of n independent horizons by size.

    Parameters
    ----------
    ledger : Ledger
        The losses of all lines together.
    lines, parts : mappings of str to Ledger
        Of each line, and of each part.
    shares : Rows
        For each line in turn the sum of its losses over the horizons whose total is in a bin.
    seed : int
        Seed of the run.
    backend : str
        What drew them.

    Notes
    -----
    A VaR above ``ledger.floor`` is the order statistic itself; below, it is interpolated in its
    bin, which is at most :attr:`resolution` of it wide.
    """

    ledger: Ledger
    lines: Mapping[str, Ledger] = field(default_factory=dict)
    parts: Mapping[str, Ledger] = field(default_factory=dict)
    shares: Rows = field(default_factory=lambda: Rows(0))
    seed: int = 0
    backend: str = "numpy"

    @property
    def resolution(self) -> float:
        """Width of a bin, relative to the losses in it, at most."""
        return 2.0**-self.ledger.fine

    @property
    def count(self) -> int:
        """Number of horizons."""
        return self.ledger.count

    @cached_property
    def mean(self) -> float:
        """Mean loss."""
        return self.ledger.mean

    @property
    def sd(self) -> float:
        """Standard deviation of the loss; zero for a single horizon."""
        return math.sqrt(self.ledger.squares / (self.count - 1)) if self.count > 1 else 0.0

    @property
    def none(self) -> float:
        """Share of horizons without loss."""
        return self.ledger.zeros / self.count

    def line(self, key: str) -> Tally:
        """The losses of one line."""
        return Tally(self.lines[key], seed=self.seed, backend=self.backend)

    def part(self, name: str) -> Tally:
        """The losses of a part: some lines together."""
        return Tally(self.parts[name], seed=self.seed, backend=self.backend)

    def exceed_counts(self, x: Numbers) -> Integers:
        """Number of horizons with a loss above x, any shape; interpolated inside a bin."""
        x = np.asarray(x, dtype=np.float64)
        exact = self._kept_above(x)
        b, found = self._bins, np.zeros(x.shape, dtype=np.int64)
        if len(b.bins):
            at = np.searchsorted(b.bins, bins_of(np.maximum(x, 1e-300), self.ledger.fine))
            here = np.minimum(at, len(b.bins) - 1)
            low, high, number = b.least[here], b.greatest[here], b.counts[here]
            way = np.clip((high - x) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
            inside = np.where(x < low, number, np.where(x >= high, 0, np.rint(number * way)))
            higher = b.below[-1] - b.below[here + 1]
            found = np.where(at < len(b.bins), higher + inside.astype(np.int64), 0)
        found = np.where(x < 0, self.count, np.maximum(found, len(self.ledger.kept)))
        return np.asarray(np.where(x >= self.ledger.floor, exact, found))

    def _kept_above(self, x: Any) -> Any:
        """How many of the losses that are kept one by one are above x."""
        if x.size > _FEW:
            return len(self._tail) - np.searchsorted(self._tail, x, side="right")
        kept = self.ledger.kept
        return np.array([np.count_nonzero(kept > each) for each in x.flat]).reshape(x.shape)

    def contributions(self, a: float) -> dict[str, float]:
        """Mean of each line over the worst share 1 - a of all horizons (Euler); adds to CVaR.

        Of the bin that holds the VaR each line bears the same share, which completes the tail.

        Raises
        ------
        MisuseError
            They were not asked for when horizons were drawn.
        """
        if self.lines and not len(self.shares.held):
            raise MisuseError("no contributions: what they are read from was not added up")
        b, wanted = self._bins, (1 - a) * self.count
        above = b.below[-1] - b.below[1:]  # horizons in higher bins
        weights = np.clip((wanted - above) / np.maximum(b.counts, 1), 0.0, 1.0)
        shares = self.shares.held[:, b.bins - self.shares.first]  # none, if there is no loss at all
        borne = [float(np.sum(weights * share)) for share in shares]
        part = self.cvar(a) / (math.fsum(borne) or 1.0)
        return {key: part * c for key, c in zip(self.lines, borne, strict=True)}

    @cached_property
    def _tail(self) -> Floats:
        return self.ledger.tail

    @cached_property
    def _bins(self) -> Bins:
        return self.ledger.occupied

    def _ranked(self, ranks: Integers) -> Floats:
        b, place = self._bins, ranks - self.ledger.zeros  # among the losses above zero
        if not len(b.bins):
            return np.zeros(len(ranks))
        at = np.searchsorted(b.below[:-1], np.maximum(place, 0), side="right") - 1
        way = (place - b.below[at]) / np.maximum(b.counts[at] - 1, 1)
        found = b.least[at] + (b.greatest[at] - b.least[at]) * np.clip(way, 0.0, 1.0)
        if len(self._tail):
            from_top = self.count - ranks
            exact = self._tail[np.maximum(len(self._tail) - from_top, 0)]
            ceiling = self.ledger.floor or math.inf
            found = np.where(from_top <= len(self._tail), exact, np.minimum(found, ceiling))
        return np.asarray(np.where(place < 0, 0.0, found))

    def _above(self, rank: int, v: float) -> tuple[float, float]:
        if self.count - rank <= len(self._tail):
            beyond = self._tail[len(self._tail) - (self.count - rank) :]
            # of a hundred million horizons a million: some at a time
            sums, squares = [], []
            for begin in range(0, len(beyond), _ROOM):
                excess = beyond[begin : begin + _ROOM] - v
                sums.append(float(excess.sum()))
                squares.append(float(np.square(excess).sum()))
            return math.fsum(sums), math.fsum(squares)
        b, place = self._bins, rank - self.ledger.zeros
        number, mean = b.counts.astype(np.float64), b.sums / np.maximum(b.counts, 1)
        width = b.greatest - b.least
        if place >= 0 and len(b.bins):  # of the bin that holds v, what lies above
            at = int(np.searchsorted(b.below[:-1], place, side="right")) - 1
            number[:at], number[at] = 0.0, b.below[at + 1] - 1 - place
            mean[at], width[at] = (v + b.greatest[at]) / 2, b.greatest[at] - v
        excess = number * (mean - v)
        return float(excess.sum()), float(np.sum(excess * (mean - v) + number * width**2 / 12))


@dataclass(frozen=True)
class Page:
    """What one block says of the total, of each line and of each part."""

    total: Block
    lines: Mapping[str, Block]
    parts: Mapping[str, Block]
    first: int
    shares: Floats
    """Per line its losses summed by the bin of the total, from the bin ``first`` on."""


class Tallying:
    """The ledgers of a run, block after block.

    Parameters
    ----------
    keys : iterable of str
        Keys of the lines.
    parts : iterable of str
        Names of the parts.
    backend : str
        What sorts the losses into bins: ``"numpy"`` or ``"numba"``.
    shares : bool
        Whether contributions of lines will be asked for.
    """

    def __init__(
        self,
        keys: Iterable[str],
        parts: Iterable[str],
        backend: str = "numpy",
        *,
        shares: bool = True,
    ) -> None:
        self.sorter = sorter(backend)
        self.total = Ledger(TOTAL, MOST_TAIL)
        self.lines = {key: Ledger(LINE, MOST_OF_LINE) for key in keys}
        self.parts = {name: Ledger(LINE, MOST_OF_LINE) for name in parts}
        self.shares = Rows(len(self.lines) if shares else 0)

    def read(
        self,
        total: Floats,
        losses: Iterable[tuple[str, Floats]],
        members: Mapping[str, Sequence[str]],
    ) -> Page:
        """What a block's horizons say, shape (n,).

        Parameters
        ----------
        total : array, shape (n,)
            Read after ``losses``, which may be what adds it up.
        losses : iterable of str and array, shape (n,)
            Of each line; read one by one, so that all may stand in the same memory.
        members : mapping of sequence of str
            The lines of each part.
        """
        sort, number, found = self.sorter, len(total), {}
        lines: dict[str, Block] = {}

        # a floor that another thread is about to raise lets too much by, which add() takes out
        def told(some: Some, ledger: Ledger) -> Block:
            return sort.block(some, ledger.fine, ledger.floor)

        wanted = self.lines.keys() | {key for each in members.values() for key in each}
        for key, loss in losses:
            if key in wanted:
                found[key] = sort.some(loss)
                if key in self.lines:
                    lines[key] = told(found[key], self.lines[key])
        first, shares = self._shares(total, found)
        parts = {}
        for name, ledger in self.parts.items():
            whole = np.zeros(number)
            for key in members[name]:
                sort.add(whole, None, found[key])
            parts[name] = told(sort.some(whole), ledger)
        return Page(told(sort.some(total), self.total), lines, parts, first, shares)

    def _shares(self, total: Floats, found: Mapping[str, Some]) -> tuple[int, Floats]:
        """Lowest bin of the total, and from there on what each line loses in each bin of it."""
        number = len(self.shares.held)
        if not number:
            return 0, np.zeros((0, 0))
        place = bins_of(total, TOTAL)
        first = int(np.min(place, where=total > 0, initial=place.max()))
        place = np.maximum(place, first) - first  # horizons without a loss add nothing anywhere
        shares = np.zeros((number, int(place.max()) + 1))
        for share, key in zip(shares, self.lines, strict=True):
            self.sorter.add(share, place, found[key])
        return first, shares

    def add(self, page: Page) -> None:
        """Take in a block."""
        self.total.add(page.total)
        for key, ledger in self.lines.items():
            ledger.add(page.lines[key])
        if page.total.some and len(page.shares):
            width = page.shares.shape[1]
            at = self.shares.reach(page.first, page.first + width - 1)
            self.shares.held[:, at : at + width] += page.shares
        for name, ledger in self.parts.items():
            ledger.add(page.parts[name])

    def tally(self, seed: int, backend: str) -> Tally:
        """What all blocks say."""
        return Tally(self.total, self.lines, self.parts, self.shares, seed, backend)
