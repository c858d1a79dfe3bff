# SPDX-License-Identifier: Apache-2.0
"""Lines that are drawn by their laws' own samplers, with a law for each horizon of a block.

Every kind of line goes this way: laws that depend on beliefs, and so are others in each horizon,
periods under a cap, drivers. Beliefs themselves have plain laws and are read from tables. Event j
survives a control if its mark u_j is below the share kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.arrivals import arrivals
from perilscope.engines.laws.counts import CountLaw, Poisson
from perilscope.engines.laws.distributions import Constant, Distribution
from perilscope.engines.laws.law import Floats, Integers, stack
from perilscope.engines.simulation import vectorised
from perilscope.engines.simulation.backends import Backend
from perilscope.engines.simulation.tabled import table
from perilscope.engines.simulation.vectorised import BLOCK
from perilscope.engines.streams import stream, words
from perilscope.errors import AssessmentError, MisuseError

MOST_EVENTS = 1 << 22
"""About as many events of one line are held at a time."""
MOST_AT_ONCE = 1e8
"""Events of one horizon that are held at a time, at most."""
Laws = tuple[CountLaw, Distribution]


def sampled(
    line: Compound,
    years: Sequence[float],
    happens: Any,
    seed: int,
    block: int,
    said: Mapping[str, Floats] = MappingProxyType({}),
    backend: Backend = vectorised,
) -> list[Floats]:
    """Loss of one line in each period of each horizon of a block.

    Parameters
    ----------
    line : Compound
        The line.
    years : sequence of float
        Lengths of the periods that are drawn apart.
    happens : array of bool, shape (BLOCK,), or None
        For a driven line, in which horizons it has events.
    seed, block : int
        Name the streams, with the key of the line.
    said : mapping of array, shape (BLOCK,) or (len(years), BLOCK)
        Values of shared beliefs that joint states say, by name; they are not drawn.
    backend : Backend
        What reads beliefs from their tables.

    Raises
    ------
    AssessmentError
        If there is no law for the values of its beliefs, or too many events to hold.
    """
    totals = [np.zeros(BLOCK) for _ in years]
    for period, horizons, drawn in events(line, years, happens, seed, block, said, backend):
        left = drawn * scale_of(line, seed, block, horizons)
        totals[period] += np.bincount(horizons, weights=left, minlength=BLOCK)
    return totals


def scale_of(line: Compound, seed: int, block: int, horizons: Integers) -> float | Floats:
    """Share of the losses in these horizons that a control leaves: one, or one for each."""
    return _share(line.scale, seed, line.key, "scale, belief", block, horizons)


def events(
    line: Compound,
    years: Sequence[float],
    happens: Any,
    seed: int,
    block: int,
    said: Mapping[str, Floats] = MappingProxyType({}),
    backend: Backend = vectorised,
) -> Iterator[tuple[int, Integers, Floats]]:
    """Period, horizons and losses of the events of a line, some at a time; as in `sampled`.

    Losses are those before `scale_of`.
    """
    theta = tuple(
        said[belief.name]
        if isinstance(belief, Shared) and belief.name in said
        else values(line, i, seed, block, backend)
        for i, belief in enumerate(line.beliefs)
    )
    laws = [_built(line, _of(theta, k), length) for k, length in enumerate(years)]
    first = None if happens is None else _first(line.key, laws, happens, seed, block)
    for period, (counts, loss) in enumerate(laws):
        for start, end, slice_name in _slices(line.key, counts):
            name = (f", year {period}" if period else "") + slice_name
            here = np.arange(start, end)
            given = None if first is None else first[start:end]
            rng = stream(seed, line.key, "count" + name, block)
            if given is None and isinstance(counts, Poisson) and np.ndim(counts.mean):
                rates = np.asarray(counts.mean)[start:end]
                horizons = start + arrivals(rng, rates, backend.reached)
            else:
                horizons = start + _events(counts.take(here), rng, given, period, end - start)
            rng = stream(seed, line.key, "loss" + name, block)
            drawn = loss.take(horizons).sample(rng, len(horizons))
            keep = _share(line.keep, seed, line.key, "keep, belief", block, horizons)
            if not isinstance(keep, float) or keep != 1.0:
                marks = stream(seed, line.key, "keep" + name, block).random(len(horizons))
                kept = marks < keep
                horizons, drawn = horizons[kept], drawn[kept]
            yield period, horizons, drawn


def values(line: Compound, i: int, seed: int, block: int, backend: Backend = vectorised) -> Floats:
    """Value of a belief in each horizon; of a shared one the same for all lines that name it."""
    belief = line.beliefs[i]
    key, purpose = line.key, f"belief {i}"
    if isinstance(belief, Shared):
        key, purpose, belief = belief.name, "shared belief", belief.of
    known = table(belief)
    if known is None:
        return belief.sample(stream(seed, key, purpose, block), BLOCK)
    return backend.values(known, BLOCK, words(seed, key, purpose, block))


def _slices(key: str, counts: CountLaw) -> list[tuple[int, int, str]]:
    """Stretches of a block with at most some millions of events, so that memory stays small.

    They follow from the law alone, so the draws do not depend on the machine.
    """
    most = float(np.max(np.asarray(counts.mean)))
    if most > MOST_AT_ONCE:
        raise AssessmentError(f"{key}: {most:.3g} events in one horizon are too many to draw")
    events = most * BLOCK
    number = min(1 << max(math.ceil(math.log2(max(events / MOST_EVENTS, 1.0))), 0), BLOCK)
    size = BLOCK // number
    return [(i * size, (i + 1) * size, f", part {i}" if number > 1 else "") for i in range(number)]


def _of(theta: Sequence[Floats], period: int) -> tuple[Floats, ...]:
    """Beliefs' values in a period: most have one for all."""
    return tuple(value[period] if np.ndim(value) == 2 else value for value in theta)


def _share(
    law: Distribution, seed: int, key: str, purpose: str, block: int, horizons: Integers
) -> float | Floats:
    """Values of a belief in some horizons, which may be few."""
    if isinstance(law, Constant):
        return float(law.value)
    known = table(law)
    if known is None:
        return law.sample(stream(seed, key, purpose, block), BLOCK)[horizons]
    return vectorised.values_at(known, horizons, words(seed, key, purpose, block))


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
    first = sum(np.asarray(level >= passed, dtype=np.int64) for passed in reached[:-1])
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
