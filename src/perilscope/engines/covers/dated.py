# SPDX-License-Identifier: Apache-2.0
"""In which year of a longer horizon events happen: what terms that start anew each year ask for.

Counts of a horizon that are those of its years added up are drawn year by year. Of others each
event is given a year: with the chances by which the expected number grows from year to year, so
that of n chances, each used up once it has come, every one has the year that its own hazard gives
it; and of what a network drives, which says no more than that it happens in the horizon, evenly
over time. Incidents of a shock have one year for all lines that they hit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from perilscope.engines.aggregate.capped import periods
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.shared import Shared
from perilscope.engines.laws.law import Floats, Integers
from perilscope.engines.simulation.sampled import events, values
from perilscope.engines.streams import stream
from perilscope.errors import AssessmentError

_PROBES = (0.0, 0.3, 0.8)


def lengths(years: float) -> list[float]:
    """Lengths of the years of a horizon, the last one maybe a part of one.

    Examples
    --------
    >>> lengths(2.5)
    [1.0, 1.0, 0.5]
    """
    return [length for length, count in periods(years) for _ in range(count)]


def has_years(line: Compound, driven: bool) -> bool:
    """Whether the counts of a horizon are those of its years added up.

    Examples
    --------
    >>> from perilscope.engines.laws.counts import Binomial, Poisson
    >>> from perilscope.engines.laws.distributions import Constant
    >>> def three(law):
    ...     return Compound("a", lambda _, years: (law(years), Constant(1.0)), years=3.0)
    >>> has_years(three(lambda years: Poisson(0.2 * years)), False)
    True
    >>> has_years(three(lambda years: Binomial(1, 1 - 0.8**years)), False)
    False
    """
    return not driven and not _counted(line) and _adds_up(line)


def dated(
    line: Compound, driven: Any, seed: int, block: int, said: Mapping[str, Any]
) -> Iterator[tuple[int, Integers, Floats]]:
    """Year, horizons and losses of the events of a line, some at a time.

    Parameters
    ----------
    line : Compound
    driven : array of bool, shape (BLOCK,), or None
        For a driven line, in which horizons it has events.
    seed, block : int
    said : mapping of array
        As in `perilscope.engines.simulation.sampled.events`, which this reads.

    Raises
    ------
    AssessmentError
        Shocks hit a line whose own counts are one draw for the horizon.
    """
    spans = lengths(line.years)
    if len(spans) == 1 or has_years(line, driven is not None):
        yield from events(line, spans, driven, seed, block, said)
        return
    counted = _counted(line)
    if counted:
        if not _adds_up(line):
            raise AssessmentError(
                f"shocks hit {line.key} beside counts that are one draw for the whole horizon, and "
                "a cover with terms of the year pays year by year: give it `counts: poisson`"
            )
        split = {b.name: _by_year(b, line, i, spans, seed, block) for i, b in counted.items()}
        yield from events(line, spans, driven, seed, block, {**said, **split})
        return
    ends = list(accumulate(spans)) if driven is not None else _grown(line, spans)
    for part, (_, at, drawn) in enumerate(events(line, [line.years], driven, seed, block, said)):
        rng = stream(seed, line.key, f"year of events, part {part}", block)
        years = np.searchsorted(ends, rng.random(len(at)) * ends[-1], side="right")
        for year in range(len(spans)):
            here = years == year
            yield year, at[here], drawn[here]


def _counted(line: Compound) -> dict[int, Shared]:
    """Numbers of incidents over the horizon that the counts of a line follow from, by place."""
    return {i: b for i, b in enumerate(line.beliefs) if isinstance(b, Shared) and b.counted}


def _usual(line: Compound) -> tuple[float, ...]:
    """Every belief at its mean, without incidents."""
    counted = _counted(line)
    return tuple(0.0 if i in counted else float(b.mean) for i, b in enumerate(line.beliefs))


def _adds_up(line: Compound) -> bool:
    theta = _usual(line)
    whole = line.build(theta, line.years)[0]
    years = [(n, line.build(theta, length)[0]) for length, n in periods(line.years)]
    return all(
        math.isclose(
            float(whole.pgf(z)), math.prod(float(law.pgf(z)) ** n for n, law in years), abs_tol=1e-9
        )
        for z in _PROBES
    )


def _grown(line: Compound, spans: Sequence[float]) -> list[float]:
    """Expected number of events by the end of each year."""
    theta = _usual(line)
    return [float(line.build(theta, end)[0].mean) for end in accumulate(spans)]


def _by_year(
    belief: Shared, line: Compound, place: int, spans: Sequence[float], seed: int, block: int
) -> Floats:
    """Incidents of each year, shape (years, BLOCK): the same for all lines that they hit."""
    left = np.asarray(values(line, place, seed, block), dtype=np.int64)
    rng = stream(seed, belief.name, "years", block)
    rest, found = math.fsum(spans), []
    for length in spans:
        mine = rng.binomial(left, min(length / rest, 1.0)) if rest > length else left
        found.append(mine)
        left, rest = left - mine, rest - length
    return np.array(found, dtype=np.float64)
