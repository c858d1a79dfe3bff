# SPDX-License-Identifier: Apache-2.0
"""Losses by simulation: the second, independent route to what the exact engine computes.

Horizons are drawn in blocks of 65,536, each line from its own named streams. A block is always
drawn whole, so more draws extend a run and never change its beginning, and its draws are its own,
so that neither the number of threads nor the share of the work changes a bit. A control is a mark
on events that are drawn anyway: a line with and without it is compared on the same events.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from perilscope.engines.aggregate.compound import Compound, Mixture
from perilscope.engines.aggregate.unlisted import Unlisted
from perilscope.engines.laws.law import Floats
from perilscope.engines.machine_code import Cache
from perilscope.engines.simulation.backends import Backend
from perilscope.engines.simulation.backends import backend as chosen
from perilscope.engines.simulation.draws import Draws
from perilscope.engines.simulation.plain import Plain, plain
from perilscope.engines.simulation.sampled import sampled
from perilscope.engines.simulation.tally import Page, Tally, Tallying
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.engines.streams import stream
from perilscope.errors import MisuseError
from perilscope.once import cached_property

MOST_KEPT = 1 << 22
"""Horizons that are kept one by one; of more there is a tally."""
MOST_HELD = 1 << 26
"""The same for losses of all lines together, half a gigabyte of them."""
_NO_PARTS: Mapping[str, Sequence[str]] = MappingProxyType({})
_Found = TypeVar("_Found")
_Told = Callable[[int], None]
_Space = Callable[[str, int], Floats]
"""(key of a line, block) -> zeros to draw into."""


def simulate(
    lines: Sequence[Compound],
    mixtures: Sequence[Mixture | Unlisted] = (),
    caps: Mapping[str, float] | None = None,
    *,
    draws: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    keep_lines: bool = True,
    workers: int = 1,
    backend: str = "auto",
    parts: Mapping[str, Sequence[str]] = _NO_PARTS,
    tables: bool = True,
    tally: bool | None = None,
    shares: bool = True,
    cache: Cache | None = None,
) -> Draws | Tally:
    """Draw the losses of all lines over their horizon, event by event.

    Parameters
    ----------
    lines : sequence of Compound
        The lines; keys differ. ``build`` is called with arrays, one value of each belief for each
        horizon. Where it takes plain numbers only it is called horizon by horizon: slow, but the
        same law.
    mixtures : sequence of Mixture or Unlisted
        Joint states; each horizon draws one state of each. A line in none of them is free.
    caps : mapping of str to float
        Per group the most that its lines can lose together in one year. Each then bears its part
        in proportion. Years are drawn one by one for the lines of such a group.
    draws : int
        Number of horizons.
    seed : int
        Names the streams, with the key of the line.
    progress : callable, optional
        Told after each block how many horizons are done.
    keep_lines : bool
        Whether the losses of each line are kept, beside their total.
    workers : int
        Threads that share the blocks. A block's draws are its own, so their number changes no bit.
    backend : str
        What draws the events of lines without beliefs: ``"numpy"``, ``"numba"`` (compiled), or
        ``"auto"``, which takes NumPy for fewer than some 2e7 events and where Numba is missing.
        The two draw the same events; sums differ in the last bits.
    parts : mapping of str to sequence of str
        Lines whose sum will be asked for by :meth:`~simulation.draws.Simulated.part`.
    tables : bool
        Whether lines without beliefs read their losses from tables. False draws them as lines
        with beliefs are drawn: a comparison of one with the other then has the same events.
    tally : bool, optional
        Whether losses are counted by size, in bounded memory, and not kept one by one; by default
        beyond 4 million horizons, or half a gigabyte of losses of lines.
    shares : bool
        Whether :meth:`~simulation.draws.Simulated.contributions` will be asked for. A tally adds
        up what it needs for them as it goes, which takes a fifth of its time.
    cache : callable, optional
        Gives the folder that keeps the machine code of the compiled backend from run to run.

    Returns
    -------
    Draws or Tally
        Losses of each horizon, shape (draws,), or counts of them by size.

    Raises
    ------
    MisuseError
        If keys repeat, a line is in two mixtures, no draw is asked for, or the backend is none.
    AssessmentError
        If a line cannot be built from its beliefs.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Poisson
    >>> from perilscope.engines.laws.distributions import Constant
    >>> line = Compound("theft", lambda theta, years: (Poisson(0.5 * years), Constant(100.0)))
    >>> drawn = simulate([line], draws=100_000, seed=1)
    >>> abs(drawn.mean - 50.0) < 4 * drawn.standard_error_of_mean
    True
    """
    run = prepared(
        lines, mixtures, caps, draws=draws, seed=seed, backend=backend, tables=tables, cache=cache
    )
    told = progress if progress is not None else _silent
    held = draws * (len(lines) if keep_lines else 1)
    if draws > MOST_KEPT or held > MOST_HELD if tally is None else tally:
        return _tallied(run, parts, keep_lines, shares, workers, told)
    return _kept(run, parts, keep_lines, workers, told)


def prepared(
    lines: Sequence[Compound],
    mixtures: Sequence[Mixture | Unlisted] = (),
    caps: Mapping[str, float] | None = None,
    *,
    draws: int,
    seed: int,
    backend: str = "auto",
    tables: bool = True,
    cache: Cache | None = None,
) -> Blocks:
    """What :func:`simulate` draws from, block by block, for who adds the blocks up another way.

    Parameters are those of :func:`simulate`.
    """
    _check(lines, mixtures, draws)
    caps = dict(caps or {})
    driven = {key for mixture in mixtures for key in _keys(mixture)}
    blocks = -(-draws // BLOCK)
    found = {
        line.key: plain(line, _years(line, caps), seed, blocks, driven=line.key in driven)
        for line in (lines if tables else ())
    }
    plains = {key: line for key, line in found.items() if line is not None}
    events = math.fsum(line.expected for line in plains.values()) * draws
    by = chosen(backend, events, cache)
    return Blocks(lines, mixtures, caps, plains, by, draws, seed)


@dataclass(frozen=True)
class Blocks:
    """All that the draws of a block follow from."""

    lines: Sequence[Compound]
    mixtures: Sequence[Mixture | Unlisted]
    caps: Mapping[str, float]
    plains: Mapping[str, Plain]
    backend: Backend
    draws: int
    seed: int

    @cached_property
    def states(self) -> States:
        """The joint states of what is driven."""
        return States(self.mixtures)

    def block(
        self,
        block: int,
        total: Floats,
        space: _Space,
        happens: Mapping[str, Any] | None = None,
    ) -> Iterator[tuple[str, Floats]]:
        """Draw one block, after the caps of the groups.

        Parameters
        ----------
        block : int
            Its number.
        total : array of zeros, shape (BLOCK,)
            The loss of all lines is added to it.
        space : callable
            Gives an array of zeros that the loss of a line may be drawn into, or an empty one
            where it is not asked for: fresh memory costs more than the draws.
        happens : mapping of str to array of bool, shape (BLOCK,), optional
            In which horizons driven lines have events; of others the mixtures say.

        Yields
        ------
        tuple of str and array
            Key and loss of each line.
        """
        said = happens or {}
        happens = {**self.states.drawn(self.seed, block, said), **said}
        capped: dict[str, dict[str, list[Floats]]] = {group: {} for group in self.caps}
        for line in self.lines:
            key, given = line.key, happens.get(line.key)
            known = self.plains.get(key)
            if known is not None and known.direct and line.group not in capped:
                loss = space(key, block)
                known.add(total, loss, block, given, self.backend)
                yield key, loss
                continue
            if known is not None:
                periods = known.block(block, given, self.backend)
            else:
                years = _years(line, self.caps)
                periods = sampled(line, years, given, self.seed, block, happens, self.backend)
            if line.group in capped:
                capped[line.group][key] = periods
            else:
                yield key, _added(total, periods)
        for group, members in capped.items():
            _share_out(list(members.values()), self.caps[group])
            for key, periods in members.items():
                yield key, _added(total, periods)

    def pages(self, read: Callable[[int], _Found], workers: int) -> Iterator[tuple[int, _Found]]:
        """What is read of each block, in their order, and how many horizons that makes."""
        waiting: deque[Future[_Found]] = deque()
        blocks = -(-self.draws // BLOCK)
        with ThreadPoolExecutor(workers) as pool:
            ahead = iter(range(blocks))
            waiting.extend(pool.submit(read, b) for b in islice(ahead, workers + 1))
            for done in range(1, blocks + 1):
                yield min(done * BLOCK, self.draws), waiting.popleft().result()
                waiting.extend(pool.submit(read, b) for b in islice(ahead, 1))


class _Scratch(threading.local):
    """Arrays of one thread that are used again from block to block."""

    def __init__(self) -> None:
        self.held: dict[str, Floats] = {}

    def zeros(self, name: str) -> Floats:
        if name not in self.held:
            self.held[name] = np.empty(BLOCK)
        self.held[name].fill(0.0)
        return self.held[name]


def _kept(
    run: Blocks, parts: Mapping[str, Sequence[str]], keep_lines: bool, workers: int, told: _Told
) -> Draws:
    """All losses, one by one."""
    whole = -(-run.draws // BLOCK) * BLOCK
    total = np.zeros(whole)
    kept = {line.key: np.zeros(whole) for line in run.lines} if keep_lines else {}
    nothing = np.zeros(0)

    def space(key: str, block: int) -> Floats:
        return kept[key][block * BLOCK : (block + 1) * BLOCK] if keep_lines else nothing

    def draw(block: int) -> None:
        here = slice(block * BLOCK, (block + 1) * BLOCK)
        for key, loss in run.block(block, total[here], space):
            if keep_lines and not np.may_share_memory(loss, kept[key]):
                kept[key][here] = loss

    for done, _ in run.pages(draw, workers):
        told(done)
    lines = {key: loss[: run.draws] for key, loss in kept.items()}
    backend = run.backend.NAME
    return Draws(total[: run.draws], lines, run.seed, backend, parts if keep_lines else {})


def _tallied(
    run: Blocks,
    parts: Mapping[str, Sequence[str]],
    keep_lines: bool,
    shares: bool,
    workers: int,
    told: _Told,
) -> Tally:
    """Losses by size, in memory that does not grow with their number."""
    keys = [line.key for line in run.lines] if keep_lines else []
    tallying = Tallying(keys, parts, run.backend.NAME, shares=shares)
    wanted = {*keys, *(key for members in parts.values() for key in members)}
    scratch, nothing = _Scratch(), np.zeros(0)

    def space(key: str, block: int) -> Floats:
        return scratch.zeros("line") if key in wanted else nothing

    def draw(block: int) -> Page:
        number = min(BLOCK, run.draws - block * BLOCK)
        total = scratch.zeros("total")
        losses = ((key, loss[:number]) for key, loss in run.block(block, total, space))
        return tallying.read(total[:number], losses, parts)

    for done, page in run.pages(draw, workers):
        tallying.add(page)
        told(done)
    return tallying.tally(run.seed, run.backend.NAME)


def _silent(done: int) -> None:
    """Nobody asks how far it is."""


def _check(lines: Sequence[Compound], mixtures: Sequence[Mixture | Unlisted], draws: int) -> None:
    if draws < 1:
        raise MisuseError("a simulation needs at least one draw")
    keys = [line.key for line in lines]
    driven = [key for mixture in mixtures for key in _keys(mixture)]
    for what, names in (("two lines have the key", keys), ("two mixtures drive", driven)):
        for name, same in groupby(sorted(names)):
            if len(list(same)) > 1:
                raise MisuseError(f"{what} {name!r}")


def _keys(mixture: Mixture | Unlisted) -> list[str]:
    if isinstance(mixture, Unlisted):
        return sorted(mixture.keys)
    return sorted({key for _, state in mixture for key in state})


class States:
    """Joint states, ready to be drawn block by block.

    Parameters
    ----------
    mixtures : sequence of Mixture or Unlisted
        Each drives lines, or shared beliefs, of its own.
    """

    def __init__(self, mixtures: Sequence[Mixture | Unlisted]) -> None:
        self._each = [(_keys(each), _listed(each)) for each in mixtures]

    def drawn(
        self, seed: int, block: int, known: Mapping[str, Any] = MappingProxyType({})
    ) -> dict[str, Any]:
        """What is driven in each horizon of a block: 0 or 1 of a line, the value of a belief.

        Mixtures of which everything is known already are not drawn.
        """
        happens: dict[str, Any] = {}
        for keys, mixture in self._each:
            if known.keys() >= set(keys):
                continue
            rng = stream(seed, "\n".join(keys), "state", block)
            if isinstance(mixture, Unlisted):
                happens |= mixture.sample(rng, BLOCK)
                continue
            reached, held = mixture
            state = np.searchsorted(reached, rng.random(BLOCK), side="right")
            happens |= {key: each[state] for key, each in held.items()}
        return happens


def _listed(mixture: Mixture | Unlisted) -> Unlisted | tuple[Floats, dict[str, Any]]:
    """Probabilities added up but for the last, and of each key what it is in each state."""
    if isinstance(mixture, Unlisted):
        return mixture
    keys = _keys(mixture)
    reached = np.cumsum([probability for probability, _ in mixture])
    if abs(reached[-1] - 1) > 1e-9:
        raise MisuseError(f"the joint states of {', '.join(keys)} do not sum to one")
    held = {key: np.array([state.get(key, False) for _, state in mixture]) for key in keys}
    return reached[:-1], held


def _years(line: Compound, caps: Mapping[str, float]) -> list[float]:
    """Lengths of the periods that are drawn apart: years under a cap, else the horizon."""
    if line.group not in caps or line.years <= 1:
        return [line.years]
    whole = int(line.years)
    rest = line.years - whole
    return [1.0] * whole + ([rest] if rest > 1e-9 else [])


def _share_out(members: list[list[Floats]], cap: float) -> None:
    """Bring the lines of a group, year by year, down to the cap in proportion; in place."""
    for year in range(max(map(len, members), default=0)):
        losses = [periods[year] for periods in members if year < len(periods)]
        together = _sum(losses)
        over = np.flatnonzero(together > cap)
        share = cap / together[over]
        for loss in losses:
            loss[over] *= share


def _added(total: Floats, periods: Sequence[Floats]) -> Floats:
    """The sum of some periods, which is added to the total too."""
    loss = _sum(periods)
    total += loss
    return loss


def _sum(parts: Sequence[Floats]) -> Floats:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
