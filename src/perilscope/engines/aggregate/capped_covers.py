# SPDX-License-Identifier: Apache-2.0
"""What a capped holding's year comes to where something else than its cost counts of each event.

Events come in an order, all orders alike, and each costs at most what those before it have left of
the holding: event i costs x_i = min(X_i, H - S_(i-1)), S the sum of whole losses. Of that a part
counts, what a cover pays or what it leaves. Let Y be the sum of what covers pay of whole losses.
Where S < H at the end of the year all is told by the joint law of (S, Y). Else one event takes what
is left: at a time t, even over the year, events of the others are those of pgf G(1 - t + t f), so
that with

    M_l(s, y) = int_0^1 E[events of line l at t; S = s, Y = y just before] dt,

f the joint transform of a loss and what is paid of it, M_l = int G_l'(1 - t + t f_l) prod of the
others' G(1 - t + t f) dt, an event of line l meets (s, y) and, if it is as large as H - s, ends the
year with H lost and y + y_l(H - s) paid. Of Poisson lines alone M is (exp L - 1) / L with
L = sum r (f - 1); of one line it is (1 - G(f)) / (1 - f).

All stands on points of S and Y where losses have been put with their means kept: bends of what
counts are on points if they can be, and then so are expected amounts. The points are few, so only
the difference is taken from them that the cap makes: to the law of the sum of min(X_i, H), known
well, is added that of the capped sum less that of this sum, both on these points.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.cover_layers import Counted
from perilscope.engines.aggregate.expansion import Part, parts
from perilscope.engines.aggregate.shared import nodes
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.grids.grid import Grid, Transform, spread
from perilscope.engines.laws import quadrature
from perilscope.engines.laws.counts import Poisson
from perilscope.engines.laws.distributions import Distribution
from perilscope.engines.laws.jumps import jumps, unit

Array = npt.NDArray[np.float64]
Cube = npt.NDArray[np.complex128]

MOST = 2048
"""Points up to the cap at most."""
_BY_WORK, _FEWEST = ((4, 1024), (24, 512)), 256
"""Points up to the cap by how many laws are computed."""
_NEVER = 1e-9
"""Probability up to which a cap changes nothing."""
_DAMPED = 24.0
"""Damping over twice the cap: what comes round from beyond is 4e-11 of itself."""
_TIMES = 12
"""Nodes of the time of the event that takes the rest, and one more for each event expected."""
_MOST_TIMES = 48


@dataclass(frozen=True)
class Taker:
    """A line that takes from the holding in one year, as a mixture, and what counts of it."""

    mixed: tuple[Part, ...]
    counted: Counted


@dataclass(frozen=True)
class Points:
    """Points of S up to the cap, ``count`` of them ``step`` apart, and the step of Y."""

    step: float
    count: int
    paid: float

    def coarse(self) -> Points:
        """Half of them."""
        return Points(2.0 * self.step, self.count // 2, 2.0 * self.paid)

    @property
    def places(self) -> Array:
        """The points of S below the cap."""
        return np.arange(self.count, dtype=np.float64) * self.step


def points(takers: Sequence[Taker], cap: float, grid: Grid, count: int) -> Points:
    """Points of which about ``count`` lie below the cap (half as many where lines are not
    Poisson nor alone), bends on even ones if they can.

    Of a grid that is a lattice its own.
    """
    most = max(taker.counted.share for taker in takers) or 1.0
    if grid.lattice:
        return Points(grid.step, round(cap / grid.step), grid.step)
    step = cap / (count if _closed(takers) else count // 2)
    own = [taker.counted for taker in takers]
    events = {x for counted in own for x in counted.bends if x < cap}
    sums = {x for counted in own for x in counted.annual_bends if x < cap}
    laws = [part.severity for taker in takers for part in taker.mixed]
    atoms = {x for law in laws for x in jumps(law) if x < cap}
    for wanted in (events | sums | atoms, events | sums, events):
        common = unit([cap, *sorted(wanted)])
        if common is not None and common >= 2.0 * cap / MOST:
            step = common / (2.0 * math.ceil(common / (2.0 * step) * (1.0 - 1e-12)))
            break
    return Points(step, round(cap / step), step * most)


def work(part: Component, lines: Mapping[str, Compound]) -> int:
    """How many laws of events that take from a holding in turn make up that of a component."""
    cases = len(part.states) * (len(nodes(part.shared, 2)) if part.shared else 1)
    found = 0
    for held in (each for each in part.units if each.capped):
        mine = [lines[key] for key in held.keys]
        if mine[0].years > 1.0:
            found += len(quadrature.nodes([x for line in mine for x in line.unknown]))
        found += sum(len(parts(line, driven=line.key in part.driven)) for line in mine)
    return cases * found


def usual(cost: int) -> int:
    """Points below a cap for so much work."""
    return next((count for most, count in _BY_WORK if cost <= most), _FEWEST)


def correction(
    takers: Sequence[Taker], cap: float, grid: Grid, *, halved: bool, pays: bool, count: int
) -> Transform:
    """Transform of what the cap changes: of the sum of what counts, capped less uncapped.

    Where terms of the year act on the sum, of all of it: uncapped it is none of independent events.

    Parameters
    ----------
    takers : sequence of Taker
        Independent lines over one year, without beliefs.
    cap : float
        What can be lost in the year.
    grid : Grid
        Of the sum of what counts.
    halved : bool
        Whether to take half the points, to tell the error.
    pays : bool
        Whether what is paid counts, or what is left.
    count : int
        Points below the cap.
    """
    on = points(takers, cap, grid, count)
    on = on.coarse() if halved else on
    law, annual = np.zeros(grid.points + 2), any(taker.counted.annual for taker in takers)
    years = list(_capped(takers, cap, on, pays))
    if not annual and math.fsum(float(mass.sum()) for _, mass in years[1:]) < _NEVER:
        return np.zeros(grid.points // 2 + 1, dtype=np.complex128)
    for value, mass in years:
        _put(law, value / grid.step, mass)
    found = grid.forward(law[: grid.points])
    return found if annual else found - _uncapped(takers, on, grid, pays)


def nothing(takers: Sequence[Taker], cap: float, grid: Grid) -> float:
    """Probability that nothing counts in a year."""
    most = [taker.counted.nothing for taker in takers]
    if not any(most):
        return math.prod(
            math.fsum(
                part.weight * w * float(counts.pgf(float(part.severity.cdf(0.0))))
                for part in taker.mixed
                for w, counts in part.counts
            )
            for taker in takers
        )
    on = points(takers, cap, grid, MOST)
    events = [
        [_below(part.severity, end, on)[:, None] for part in taker.mixed]
        for taker, end in zip(takers, most, strict=True)
    ]
    ended, reaching = _sums(takers, events, on)
    found = float(ended.sum())
    for i, part, before in reaching:
        small = cap - on.places <= most[i] * (1.0 + 1e-12)
        found += float((before[:, 0] * _reach(part.severity, on))[small].sum())
    return min(max(found, 0.0), 1.0)


# --- the capped sum


def _capped(
    takers: Sequence[Taker], cap: float, on: Points, pays: bool
) -> Iterator[tuple[Array, Array]]:
    """What counts of a year, and probabilities: of years that end below the cap, then of others."""
    s = on.places
    events = [[_event(part.severity, x.counted, on) for part in x.mixed] for x in takers]
    ended, reaching = _sums(takers, events, on)
    y = np.broadcast_to(np.arange(ended.shape[1]) * on.paid, ended.shape)
    annual = next((x.counted for x in takers if x.counted.annual), None)

    def counts(cost: Array, sums: Array) -> Array:
        paid = sums if annual is None else annual.of_year(sums)
        return np.ravel(paid if pays else np.maximum(cost - paid, 0.0))

    yield counts(s[:, None], y), np.ravel(ended)
    for i, part, before in reaching:
        last = takers[i].counted.paid(cap - s)
        mass = before * _reach(part.severity, on)[:, None]
        yield counts(np.asarray(cap), y + last[:, None]), np.ravel(mass)


def _sums(
    takers: Sequence[Taker], events: Sequence[Sequence[Array]], on: Points
) -> tuple[Array, list[tuple[int, Part, Array]]]:
    """Joint law of (S, Y) of years that end below the cap; and for each kind of event, by its line,
    how many of them are expected to meet (S, Y) below it.
    """
    wide = scipy.fft.next_fast_len(events[0][0].shape[1], real=True)
    shape = scipy.fft.next_fast_len(2 * on.count), wide
    damping = np.exp(-_DAMPED * np.arange(on.count) / shape[0])[:, None]

    def forward(event: Array) -> Cube:
        found: Cube = scipy.fft.rfft2(event * damping, shape)
        return found

    def back(transform: Cube) -> Array:
        whole: Array = scipy.fft.irfft2(transform, shape)[: on.count, : events[0][0].shape[1]]
        whole /= damping
        return whole

    known = [[forward(event) for event in mine] for mine in events]
    if len(takers) == 1 and not _poisson(takers[0]):
        ended, met = _alone(takers[0].mixed, known[0])
        return back(ended), [(0, part, back(own)) for part, own in met]
    ended, found = _over_time(takers, known)
    return back(ended), [(i, part, back(own)) for i, part, own in found]


def _alone(mixed: Sequence[Part], known: Sequence[Cube]) -> tuple[Cube, list[tuple[Part, Cube]]]:
    """The same of one line, as transforms."""
    ended, found = np.zeros_like(known[0]), []
    for part, f in zip(mixed, known, strict=True):
        own = _counted(part, f)
        ended += own
        found.append((part, _ratio(part.weight - own, 1.0 - f)))
    return ended, found


def _over_time(
    takers: Sequence[Taker], known: Sequence[Sequence[Cube]]
) -> tuple[Cube, list[tuple[int, Part, Cube]]]:
    """The same of several lines, by quadrature over the time of an event; of Poisson lines alone
    in closed form.
    """
    steady = {i: x.mixed[0].counts[0][1].mean for i, x in enumerate(takers) if _poisson(x)}
    exponent = np.zeros_like(known[0][0])
    for i, rate in steady.items():
        exponent += rate * (known[i][0] - 1.0)
    others = [i for i in range(len(takers)) if i not in steady]
    if not others:
        ended: Cube = np.exp(exponent)
        met = _ratio(ended - 1.0, exponent)
        return ended, [(i, takers[i].mixed[0], rate * met) for i, rate in steady.items()]
    events = math.fsum(part.events for taker in takers for part in taker.mixed)
    t, weights = _times(min(_TIMES + math.ceil(events), _MOST_TIMES))
    apart = {
        i: [
            np.array([_counted(part, 1.0 - at + at * f) for at in t])
            for part, f in zip(takers[i].mixed, known[i], strict=True)
        ]
        for i in others
    }
    each = {i: functools.reduce(np.add, parts) for i, parts in apart.items()}
    pooled = np.array([np.exp(at * exponent) for at in t])
    found = []
    met = np.tensordot(weights, functools.reduce(np.multiply, each.values(), pooled), 1)
    found += [(i, takers[i].mixed[0], rate * met) for i, rate in steady.items()]
    slopes = _differences(t)
    for i in others:
        rest = functools.reduce(np.multiply, [own for k, own in each.items() if k != i], pooled)
        for part, f, own in zip(takers[i].mixed, known[i], apart[i], strict=True):
            rises = np.tensordot(slopes, own, 1)
            met = np.einsum("t,tsy,tsy->sy", weights, rises, rest)
            found.append((i, part, _ratio(met, f - 1.0)))
    ended = functools.reduce(
        np.multiply,
        [sum(map(_counted, takers[i].mixed, known[i]), np.zeros_like(exponent)) for i in others],
        np.exp(exponent),
    )
    return ended, found


def _counted(part: Part, z: Cube) -> Cube:
    """Part of a line's generating function."""
    found: Cube = part.weight * sum(w * counts.pgf(z) for w, counts in part.counts)
    return found


@functools.lru_cache(maxsize=64)
def _times(count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights from 0 to 1."""
    t, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (t + 1.0), 0.5 * weights


def _differences(t: Array) -> Array:
    """Matrix that takes values at nodes to slopes there, of the polynomial through them (Berrut and
    Trefethen 2004, eq. 9.4).
    """
    apart = t[:, None] - t[None, :]
    np.fill_diagonal(apart, 1.0)
    weights = 1.0 / apart.prod(axis=1)
    found: Array = weights[None, :] / weights[:, None] / apart
    np.fill_diagonal(found, 0.0)
    np.fill_diagonal(found, -found.sum(axis=1))
    return found


def _ratio(above: Cube, below: Cube) -> Cube:
    """A ratio of transforms that is one where both vanish."""
    small = np.abs(below) < 1e-12
    found: Cube = np.where(small, 1.0, above / np.where(small, 1.0, below))
    return found


def _event(law: Distribution, counted: Counted, on: Points) -> Array:
    """Joint law of a loss below the cap and what is paid of it, on points."""
    found = np.zeros((on.count, on.count + 1))
    rows, mass = np.arange(on.count), _masses(law, on.step, on.count)
    for at, share in _split(counted.paid(on.places) / on.paid):
        found[rows, np.minimum(at, on.count)] += mass * share
    return found


def _split(at: Array) -> tuple[tuple[npt.NDArray[np.int64], Array], ...]:
    """Points beside places in steps, and the share that each has of them."""
    near = np.rint(at)
    at = np.where(np.abs(at - near) <= 1e-9 * np.maximum(1.0, at), near, at)
    below = np.floor(at).astype(np.int64)
    return (below, below + 1.0 - at), (below + 1, at - below)


@functools.lru_cache(maxsize=256)
def _masses(law: Distribution, step: float, count: int) -> Array:
    """Probabilities of a loss at the first points."""
    return spread(np.asarray(law.lev(np.arange(count + 1) * step), dtype=np.float64), step)


def _below(law: Distribution, end: float, on: Points) -> Array:
    """Probabilities, on points, of a loss that is at most some amount."""
    if math.isinf(end):
        return _masses(law, on.step, on.count)
    x = np.minimum(np.arange(on.count + 1) * on.step, end)
    under = float(law.cdf(end))
    return spread(np.asarray(law.lev(x)) - x * (1.0 - under), on.step, under)


def _reach(law: Distribution, on: Points) -> Array:
    """P(a loss is as large as what is left at each point of S)."""
    reached = np.cumsum(_masses(law, on.step, on.count))
    found: Array = 1.0 - np.append(0.0, reached[:-1])
    left = on.count - np.arange(on.count)  # steps up to the cap
    return np.append(found, 1.0 - reached[-1])[left]


def _poisson(taker: Taker) -> bool:
    only = taker.mixed[0].counts[0][1]
    return len(taker.mixed) == len(taker.mixed[0].counts) == 1 and isinstance(only, Poisson)


def _closed(takers: Sequence[Taker]) -> bool:
    """Whether no quadrature over time is needed."""
    return len(takers) == 1 or all(map(_poisson, takers))


# --- the uncapped sum, on the same points


def _uncapped(takers: Sequence[Taker], on: Points, grid: Grid, pays: bool) -> Transform:
    """Transform of the sum of what counts of losses up to the cap that are put on the points of S
    and Y first.
    """
    s = np.append(on.places, on.step * on.count)
    total = np.ones(grid.points // 2 + 1, dtype=np.complex128)
    for taker in takers:
        own = np.zeros_like(total)
        for part in taker.mixed:
            mass = _masses(part.severity, on.step, on.count)
            mass = np.append(mass, 1.0 - mass.sum())
            law: Array = np.zeros(grid.points + 2)
            for at, share in _split(taker.counted.paid(s) / on.paid):
                y = np.asarray(at * on.paid, dtype=np.float64)
                _put(law, (y if pays else np.maximum(s - y, 0.0)) / grid.step, mass * share)
            z = grid.forward(law[: grid.points])
            own += part.weight * sum(w * counts.pgf(z) for w, counts in part.counts)
        total *= own
    return total


def _put(law: Array, at: Array, mass: Array) -> None:
    """Add probabilities at places in steps, each split between its neighbours."""
    for below, share in _split(np.minimum(at, law.size - 2.0)):
        law += np.bincount(below, mass * share, law.size)[: law.size]
