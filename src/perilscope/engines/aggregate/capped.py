# SPDX-License-Identifier: Apache-2.0
"""Lines that share a holding: their sum in a year is capped, and the cap is shared pro rata.

The law of the sum is brought back to space, clamped there and transformed again. With G the sum
and X_i a line, the line's part is X_i min(G, cap) / G, so its expected part where G is known is
E[X_i; G = g] times min(g, cap) / g.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.expansion import Part, known
from perilscope.engines.aggregate.known import zero
from perilscope.engines.grids.grid import Grid, Transform, clamp, place
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import CountLaw
from perilscope.engines.laws.distributions import Distribution

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """Transform of a capped sum, and for each line that of E[part of the line; sum = s]."""

    sum: Transform
    shares: tuple[Transform, ...]


def periods(years: float) -> tuple[tuple[float, int], ...]:
    """(length in years, how many): whole years, then what is left; one if not above a year.

    Examples
    --------
    >>> periods(2.5), periods(0.5), periods(3.0)
    (((1.0, 2), (0.5, 1)), ((0.5, 1),), ((1.0, 3),))
    """
    if years <= 1.0:
        return ((years, 1),)
    whole = math.floor(years + 1e-9)
    rest = years - whole
    return ((1.0, whole),) if rest <= 1e-9 else ((1.0, whole), (rest, 1))


def once(
    grid: Grid, parts: Sequence[Transform], cap: float, jumps: Sequence[float], *, shares: bool
) -> Held:
    """Independent lines whose sum is capped once.

    Parameters
    ----------
    grid : Grid
        Where the laws stand.
    parts : sequence of transforms
        One per line.
    cap : float
        Most that the sum can be.
    jumps : sequence of float
        Expected number of events of each line that reach beyond the grid by themselves: what the
        lines' parts are there.
    shares : bool
        Whether the lines' parts are wanted.
    """
    total = multiplied(parts, grid)
    mass = grid.back(total)
    capped = grid.forward(clamp(mass, cap, grid))
    if not shares:
        return Held(capped, ())
    sizes = [grid.back(first(grid, parts, i)) for i in range(len(parts))]
    return Held(capped, tuple(map(grid.forward, pro_rata(grid, sizes, mass, cap, jumps))))


def multiplied(parts: Sequence[Transform], grid: Grid) -> Transform:
    """Product of transforms; of none, the transform of nothing lost."""
    if not parts:
        return np.ones(grid.points // 2 + 1, dtype=np.complex128)
    product = parts[0].copy()
    for part in parts[1:]:
        product *= part
    return product


def power(transform: Transform, count: int) -> Transform:
    """A transform times itself, ``count`` times: the sum of that many years."""
    result = np.ones_like(transform)
    for _ in range(count):
        result = result * transform
    return result


def first(grid: Grid, parts: Sequence[Transform], i: int) -> Transform:
    """Transform of s -> E[X_i; sum = s] for independent parts."""
    own = grid.forward(grid.back(parts[i]) * grid.places)
    return own * multiplied([*parts[:i], *parts[i + 1 :]], grid)


def pro_rata(
    grid: Grid,
    sizes: Sequence[Array],
    mass: Array,
    cap: float,
    jumps: Sequence[float],
    whole: float = 1.0,
) -> list[Array]:
    """E[part of line i; min(G, cap) = s] from E[X_i; G = g], so that parts add to s P(s)."""
    places = grid.places
    over = places > cap
    factor = np.where(over, cap / np.where(over, places, 1.0), 0.0)
    parts = [float((size * factor).sum()) for size in sizes]
    left = whole - float(mass.sum())
    beyond = cap * (max(left, 0.0) if whole == 1.0 else left)
    # beyond the grid the sum is one large event; where none is so large, as just below the end
    basis = jumps if math.fsum(jumps) > 0.0 else parts
    all_of = math.fsum(basis)
    weights = [share / all_of if all_of > 0.0 else 1.0 / len(parts) for share in basis]
    at = place([(cap, 1.0)], grid) * (places / cap if cap > 0.0 else 0.0)
    return [
        np.where(over, 0.0, size) + at * (part + beyond * weight)
        for size, part, weight in zip(sizes, parts, weights, strict=True)
    ]


def part(
    grid: Grid, parts: Sequence[Transform], i: int, cap: float, jumps: Sequence[float]
) -> Transform:
    """Transform of the law of line i's part of a sum capped once: X_i min(G, cap) / G.

    Where the sum G = X_i + R stays under the cap the part is X_i, point by point. Above it pairs
    of cells of X_i and R are taken, a few hundred of each, with the cells' means, and stretched
    so that the mean of the part is that of `pro_rata`.
    """
    others = multiplied([*parts[:i], *parts[i + 1 :]], grid)
    own, rest = np.maximum(grid.back(parts[i]), 0.0), np.maximum(grid.back(others), 0.0)
    places, reached = grid.places, np.cumsum(rest)
    room = np.floor((cap - places) / grid.step * (1 + 1e-15)).astype(np.int64)
    under = np.where(room >= 0, reached[np.clip(room, 0, grid.points - 1)], 0.0)
    law = own * under
    over = own * np.maximum(1.0 - under, 0.0)
    over[-1] += max(1.0 - float(own.sum()), 0.0)
    rest[-1] += max(1.0 - float(reached[-1]), 0.0)
    x, p = _cells(places, over)
    r, q = _cells(places, rest)
    pairs = np.where(x[:, None] + r[None, :] > cap, q[None, :], 0.0)
    alone = pairs.sum(axis=1) <= 0.0  # no cell of R lies above the room that is left: the nearest
    pairs[alone, -1] = 1.0
    pairs *= (p / pairs.sum(axis=1))[:, None]
    together = x[:, None] + r[None, :]
    size = x[:, None] * np.minimum(cap / np.where(together > 0.0, together, 1.0), 1.0)
    target = _mean(grid, parts, i, cap, jumps) - float((law * places).sum())
    for _ in range(20):  # the cap holds on to what is stretched beyond it, so in a few rounds
        held = float((pairs * size).sum())
        if held <= 0.0 or abs(target - held) <= 1e-12 * held:
            break
        size = np.minimum(size * max(target / held, 0.0), cap)
    at = np.minimum(size / grid.step, grid.points - 1.0)
    below = np.floor(at).astype(np.int64)
    share = at - below
    flat = below.ravel()
    law += np.bincount(flat, (pairs * (1.0 - share)).ravel(), grid.points)
    law += np.bincount(flat + 1, (pairs * share).ravel(), grid.points + 1)[:-1]
    return grid.forward(law)


def _mean(
    grid: Grid, parts: Sequence[Transform], i: int, cap: float, jumps: Sequence[float]
) -> float:
    """Mean of a line's part of a capped sum, by transform."""
    mass = grid.back(multiplied(parts, grid))
    sizes = [grid.back(first(grid, parts, k)) for k in range(len(parts))]
    return float(pro_rata(grid, sizes, mass, cap, jumps)[i].sum())


def _cells(places: Array, mass: Array) -> tuple[Array, Array]:
    """A law in a few hundred cells, each a point at its mean: narrow near zero, wide far out."""
    edges = np.unique(
        np.concatenate([np.arange(32), np.geomspace(32, places.size, 160)]).astype(int)
    )
    weight = np.add.reduceat(mass, edges[:-1])
    size = np.add.reduceat(mass * places, edges[:-1])
    held = weight > 0.0
    if not held.any():
        return np.zeros(1), np.zeros(1)
    return size[held] / weight[held], weight[held]


@dataclass(frozen=True)
class Year:
    """One line in one period with every belief known."""

    counts: CountLaw
    severity: Distribution
    zero: float


def horizon(
    lines: Sequence[Compound],
    driven: Sequence[bool],
    cap: float,
    grid: Grid,
    severities: Mapping[Distribution, Transform],
    *,
    effort: int,
    shares: bool,
    only: int = -1,
    year: Callable[[Sequence[tuple[int, Year]]], Transform] | None = None,
) -> Held:
    """Lines whose sum is capped year by year, over a horizon of more than one year.

    A belief has one value for all years, so the years are independent only given the beliefs: all
    beliefs of the lines are integrated jointly, outside. A line that is driven has events
    somewhere in the horizon, which no single year knows; with B the lines that have none,
    law given "all have some" = sum over B of (-1)^|B| P(B have none) law without B, over P(some).

    Parameters
    ----------
    lines, driven : sequences of equal length
        Lines that may have events, and whether they are known to have some.
    cap : float
        Per year.
    severities : mapping
        Transforms of losses per event; what is missing is added by the caller beforehand.
    effort : int
        2 for figures, 1 for the comparison that tells the error.
    shares : bool
        Whether the lines' E[part; sum = s] are wanted.
    only : int
        Instead of the sum, the law of this line's part; -1 for the sum.
    year : callable, optional
        What a year is made of, where it is not the capped sum: from places of lines and their laws.
    """
    laws = [law for line in lines for law in (*line.beliefs, line.keep, line.scale)]
    counts = [n for _, n in periods(lines[0].years)]
    total = np.zeros(grid.points // 2 + 1, dtype=np.complex128)
    parts = [np.zeros_like(total) for _ in lines]
    for weight, theta in quadrature.nodes(laws, effort=effort - 2):
        spans = _spans(lines, theta)
        for factor, present in _present(spans, driven, counts):
            if only >= 0 and only not in present:
                total += weight * factor
                continue
            if year is not None:
                made = [year([(i, spans[i][k]) for i in present]) for k in range(len(counts))]
                sums = [power(own, n) for own, n in zip(made, counts, strict=True)]
                total += weight * factor * multiplied(sums, grid)
                continue
            chosen = [spans[i] for i in present]
            one = present.index(only) if only >= 0 else -1
            result = _years(chosen, counts, cap, grid, severities, shares, one)
            total += weight * factor * result.sum
            for i, share in zip(present, result.shares, strict=False):
                parts[i] += weight * factor * share
    return Held(total, tuple(parts) if shares else ())


def known_severities(lines: Sequence[Compound], effort: int) -> list[Distribution]:
    """Every law of a loss per event that `horizon` asks for, in its order, each once."""
    laws = [law for line in lines for law in (*line.beliefs, line.keep, line.scale)]
    found: dict[Distribution, None] = {}
    for _, theta in quadrature.nodes(laws, effort=effort - 2):
        for span in _spans(lines, theta):
            for year in span:
                found.setdefault(year.severity)
    return list(found)


def _spans(lines: Sequence[Compound], theta: Sequence[float]) -> list[tuple[Year, ...]]:
    spans, at = [], 0
    for line in lines:
        mine = theta[at : at + len(line.beliefs) + 2]
        at += len(mine)
        years = []
        for length, _ in periods(line.years):
            before = line.build(tuple(mine[:-2]), length)[0]
            counts, severity = known(line, mine, length)
            years.append(Year(counts, severity, before.zero))
        spans.append(tuple(years))
    return spans


def never(line: Compound, effort: int) -> float:
    """P(a line loses nothing), each year with a draw of its own, as `horizon` has it.

    Counts that are one draw for the horizon lose nothing more seldom so.
    """
    laws = (*line.beliefs, line.keep, line.scale)
    times = [n for _, n in periods(line.years)]
    terms = []
    for weight, theta in quadrature.nodes(laws, effort=effort - 2):
        (span,) = _spans([line], theta)
        idle = [zero([Part(1.0, each.severity, ((1.0, each.counts),))]) for each in span]
        terms.append(weight * math.prod(p**n for p, n in zip(idle, times, strict=True)))
    return math.fsum(terms)


def _jumps(year: Year, grid: Grid) -> float:
    return year.counts.mean * (1.0 - float(year.severity.cdf(grid.range)))


def _present(
    spans: Sequence[tuple[Year, ...]], driven: Sequence[bool], counts: Sequence[int]
) -> list[tuple[float, tuple[int, ...]]]:
    """Signed weights of the sets of lines that stand in the law without any condition."""
    none = [math.prod(year.zero**n for year, n in zip(span, counts, strict=True)) for span in spans]
    tied = [i for i, known_to in enumerate(driven) if known_to and none[i] < 1.0]
    some = math.prod(1.0 - none[i] for i in tied)
    sets = []
    for size in range(len(tied) + 1):
        for absent in combinations(tied, size):
            weight = (-1.0) ** size * math.prod(none[i] for i in absent) / some
            sets.append((weight, tuple(i for i in range(len(spans)) if i not in absent)))
    return sets


def _years(
    spans: Sequence[tuple[Year, ...]],
    counts: Sequence[int],
    cap: float,
    grid: Grid,
    severities: Mapping[Distribution, Transform],
    shares: bool,
    only: int,
) -> Held:
    """Independent years of independent lines, each year capped by itself."""
    years = []
    for k in range(len(counts)):
        parts = [span[k].counts.pgf(severities[span[k].severity]) for span in spans]
        jumps = [_jumps(span[k], grid) for span in spans]
        if only >= 0:
            years.append(Held(part(grid, parts, only, cap, jumps), ()))
        else:
            years.append(once(grid, parts, cap, jumps, shares=shares))
    total = multiplied([power(year.sum, n) for year, n in zip(years, counts, strict=True)], grid)
    if not shares:
        return Held(total, ())
    found = [np.zeros_like(total) for _ in spans]
    for k, (year, n) in enumerate(zip(years, counts, strict=True)):
        powers = [m - (j == k) for j, m in enumerate(counts)]
        rest = multiplied([power(y.sum, m) for y, m in zip(years, powers, strict=True)], grid)
        for i, share in enumerate(year.shares):
            found[i] += n * share * rest
    return Held(total, tuple(found))
