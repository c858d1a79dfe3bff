# SPDX-License-Identifier: Apache-2.0
"""Losses by simulation: the second, independent route to what the exact engine computes.

Horizons are drawn in blocks of 65,536, each line from its own named streams. A block is always
drawn whole, so more draws extend a run and never change its beginning. A control is a mark on
events that are drawn anyway: event j survives if its mark u_j is below the share kept, and what
survives is scaled. A line with and without its control is thus compared on the same events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, cast

import numpy as np

from perilscope.engines.compound import Compound, Mixture
from perilscope.engines.counts import CountLaw
from perilscope.engines.distributions import Constant, Distribution
from perilscope.engines.draws import Draws
from perilscope.engines.law import Floats, Integers, stack
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError, MisuseError

BLOCK = 2**16
MOST_EVENTS = 1 << 22
"""About as many events of one line are held at a time."""
Laws = tuple[CountLaw, Distribution]


def simulate(
    lines: Sequence[Compound],
    mixtures: Sequence[Mixture] = (),
    caps: Mapping[str, float] | None = None,
    *,
    draws: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    keep_lines: bool = True,
    workers: int = 1,
) -> Draws:
    """Draw the losses of all lines over their horizon, event by event.

    Parameters
    ----------
    lines : sequence of Compound
        The lines; keys differ. ``build`` is called with arrays, one value of each belief for each
        horizon. Where it takes plain numbers only it is called horizon by horizon: slow, but the
        same law.
    mixtures : sequence of Mixture
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

    Returns
    -------
    Draws
        Losses of each horizon, shape (draws,).

    Raises
    ------
    MisuseError
        If keys repeat, a line is in two mixtures, or no draw is asked for.
    AssessmentError
        If a line cannot be built from its beliefs.

    Examples
    --------
    >>> from perilscope.engines.counts import Poisson
    >>> line = Compound("theft", lambda theta, years: (Poisson(0.5 * years), Constant(100.0)))
    >>> drawn = simulate([line], draws=100_000, seed=1)
    >>> abs(drawn.mean - 50.0) < 4 * drawn.standard_error_of_mean
    True
    """
    caps = dict(caps or {})
    _check(lines, mixtures, draws)
    total = np.zeros(draws)
    kept = {line.key: np.zeros(draws) for line in lines} if keep_lines else {}

    def draw(block: int) -> int:
        start = block * BLOCK
        here = slice(start, min(start + BLOCK, draws))
        happens = _states(mixtures, seed, block)
        for key, loss in _block(lines, caps, happens, seed, block):
            total[here] += loss[: here.stop - start]
            if keep_lines:
                kept[key][here] = loss[: here.stop - start]
        return here.stop

    with ThreadPoolExecutor(workers) as pool:
        for done in pool.map(draw, range(-(-draws // BLOCK))):
            if progress is not None:
                progress(done)
    return Draws(total, kept, seed)


def _check(lines: Sequence[Compound], mixtures: Sequence[Mixture], draws: int) -> None:
    if draws < 1:
        raise MisuseError("a simulation wants at least one draw")
    keys = [line.key for line in lines]
    driven = [key for mixture in mixtures for key in _keys(mixture)]
    for what, names in (("two lines have the key", keys), ("two mixtures drive", driven)):
        for name, same in groupby(sorted(names)):
            if len(list(same)) > 1:
                raise MisuseError(f"{what} {name!r}")


def _keys(mixture: Mixture) -> list[str]:
    return sorted({key for _, state in mixture for key in state})


def _states(mixtures: Sequence[Mixture], seed: int, block: int) -> dict[str, Any]:
    """For each driven line whether it has events, in each horizon of the block."""
    happens: dict[str, Any] = {}
    for mixture in mixtures:
        keys = _keys(mixture)
        reached = np.cumsum([probability for probability, _ in mixture])
        if abs(reached[-1] - 1) > 1e-9:
            raise MisuseError(f"the joint states of {', '.join(keys)} do not sum to one")
        u = stream(seed, "\n".join(keys), "state", block).random(BLOCK)
        state = np.searchsorted(reached[:-1], u, side="right")
        for key in keys:
            happens[key] = np.array([bool(held.get(key, False)) for _, held in mixture])[state]
    return happens


def _block(
    lines: Sequence[Compound],
    caps: Mapping[str, float],
    happens: Mapping[str, Any],
    seed: int,
    block: int,
) -> list[tuple[str, Floats]]:
    """Loss of each line in each horizon of one block, after the caps of the groups."""
    periods = {
        line.key: _line(line, _years(line, caps), happens.get(line.key), seed, block)
        for line in lines
    }
    for group, cap in caps.items():
        _share_out([periods[line.key] for line in lines if line.group == group], cap)
    return [(line.key, _sum(periods[line.key])) for line in lines]


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


def _sum(parts: Sequence[Floats]) -> Floats:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _line(line: Compound, years: list[float], happens: Any, seed: int, block: int) -> list[Floats]:
    """Loss of one line in each period of each horizon."""
    theta = tuple(
        belief.sample(stream(seed, line.key, f"belief {i}", block), BLOCK)
        for i, belief in enumerate(line.beliefs)
    )
    keep = _share(line.keep, stream(seed, line.key, "keep, belief", block))
    scale = _share(line.scale, stream(seed, line.key, "scale, belief", block))
    laws = [_built(line, theta, length) for length in years]
    first = None if happens is None else _first(line.key, laws, happens, seed, block)
    losses: list[Floats] = []
    for period, (counts, loss) in enumerate(laws):
        total = np.zeros(BLOCK)
        for start, end, slice_name in _slices(counts):
            name = (f", year {period}" if period else "") + slice_name
            here = np.arange(start, end)
            given = None if first is None else first[start:end]
            rng = stream(seed, line.key, "count" + name, block)
            horizons = start + _events(counts.take(here), rng, given, period, end - start)
            rng = stream(seed, line.key, "loss" + name, block)
            drawn = loss.take(horizons).sample(rng, len(horizons))
            if not isinstance(keep, float) or keep != 1.0:
                marks = stream(seed, line.key, "keep" + name, block).random(len(horizons))
                kept = marks < (keep if isinstance(keep, float) else keep[horizons])
                horizons, drawn = horizons[kept], drawn[kept]
            total += np.bincount(horizons, weights=drawn, minlength=BLOCK)
        losses.append(total * scale)
    return losses


def _slices(counts: CountLaw) -> list[tuple[int, int, str]]:
    """Stretches of a block with at most some millions of events, so that memory stays small.

    They follow from the law alone, so the draws do not depend on the machine.
    """
    events = float(np.max(np.asarray(counts.mean))) * BLOCK
    number = min(1 << max(math.ceil(math.log2(max(events / MOST_EVENTS, 1.0))), 0), BLOCK)
    size = BLOCK // number
    return [(i * size, (i + 1) * size, f", part {i}" if number > 1 else "") for i in range(number)]


def _share(law: Distribution, rng: np.random.Generator) -> float | Floats:
    return float(law.value) if isinstance(law, Constant) else law.sample(rng, BLOCK)


def _built(line: Compound, theta: tuple[Floats, ...], years: float) -> Laws:
    """Laws of the line for the values of its beliefs in each horizon."""
    if not theta:
        return line.build((), years)
    try:
        return line.build(cast(tuple[float, ...], theta), years)
    except (TypeError, ValueError, MisuseError):
        pass  # it asks for plain numbers
    try:
        laws = [
            line.build(point, years) for point in zip(*(t.tolist() for t in theta), strict=True)
        ]
        return stack([counts for counts, _ in laws]), stack([loss for _, loss in laws])
    except (TypeError, ValueError, MisuseError) as error:
        raise AssessmentError(
            f"{line.key}: no law for the values of its beliefs: {error}"
        ) from error


def _first(
    key: str, laws: Sequence[tuple[CountLaw, Any]], happens: Any, seed: int, block: int
) -> Any:
    """Period of the first event in each horizon; beyond the last where there is none."""
    never = len(laws)
    if never == 1:
        return np.where(happens, 0, never)
    empty: Any = 1.0
    reached = []
    for counts, _ in laws:
        empty = empty * np.asarray(counts.zero)
        reached.append(1 - empty)
    level = stream(seed, key, "first year", block).random(BLOCK) * reached[-1]
    first = _sum([np.asarray(level >= passed, dtype=np.int64) for passed in reached[:-1]])
    return np.where(happens, first, never)


def _events(
    counts: CountLaw, rng: np.random.Generator, first: Any, period: int, size: int
) -> Integers:
    """For each event of a period the index of its horizon, of so many horizons."""
    if first is None:
        return counts.events(rng, size)
    starts, after = np.flatnonzero(first == period), np.flatnonzero(first < period)
    here = starts[counts.take(starts).given_some().events(rng, len(starts))]
    if not len(after):
        return here
    return np.concatenate([here, after[counts.take(after).events(rng, len(after))]])
