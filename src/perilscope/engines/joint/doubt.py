# SPDX-License-Identifier: Apache-2.0
"""How sure a joint law is: scenarios that were drawn, and the history they were drawn from.

Given the market's scenario the law of everything else is exact, so the error of a finite number of
scenarios is that of a mean over them: E[(O + M_s - v)+] at each scenario s, O being the rest. That
leaves less to chance than whole years drawn at random would.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.grids.grid import Grid, Transform, against
from perilscope.engines.grids.loss import LEVELS
from perilscope.engines.joint import cells, stretched
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.cells import Cell
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Rungs, Scenarios
from perilscope.engines.joint.window import Window

Array = npt.NDArray[np.float64]
Interval = tuple[float, float]

_CELLS = 16
"""Cells of prices that other histories share, and by which standard errors are told."""
_POINTS = 64
"""Points of clouds of losses in tokens; standard errors are told to some per cent by them."""
_STEPS = 64.0
"""Steps that the scale of the loss (the middle of the law to its 95 % quantile) keeps."""

_MOST = 2**22
"""Points of the laws that are transformed together."""
_MOST_DOUBLINGS = 3
"""How often the window is doubled for histories with larger losses than their own."""


@dataclass(frozen=True)
class Drawn:
    """Standard errors of VaR and CVaR from the number of scenarios, in money."""

    var: float
    cvar: float


def drawn(joint: Joint, law: SignedLaw, levels: Sequence[float]) -> dict[float, Drawn]:
    """Standard errors from the number of scenarios, which were drawn at random.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    levels : sequence of float
    """
    count = math.sqrt(len(joint.scenarios.weights))
    places = [law.var(level) for level in levels]
    known = _around(joint, law, places) if joint.clouds is None else _stretched(joint, places)
    found = {}
    for level, v, (above, excess) in zip(levels, places, known, strict=True):
        density = law.density(v)
        var = float(above.std()) / count / density if density > 0.0 else math.inf
        found[level] = Drawn(var, float(excess.std()) / count / (1.0 - level))
    return found


def _around(joint: Joint, law: SignedLaw, places: Sequence[float]) -> list[tuple[Array, Array]]:
    """P(L > v | scenario) and E[(L - v)+ | scenario] at each of some losses v."""
    size = len(joint.scenarios.weights)
    found = [(np.zeros(size), np.zeros(size)) for _ in places]
    for rungs, members, grid, mass in _rests(joint, law):
        losses = joint.losses(rungs)[members]
        for v, (above, excess) in zip(places, found, strict=True):
            p, e = _beyond(mass, grid.step, v - losses)
            above[members] += p
            excess[members] += e
    return found


def _rests(
    joint: Joint, law: SignedLaw
) -> Iterator[tuple[Rungs, npt.NDArray[np.int64] | slice, Grid, Array]]:
    """By state of prices, and by cell of them where losses are counted in tokens: its scenarios,
    and the law of everything but the market there, with the probability of the state.
    """
    outside, grid = joint.fine.fixed(joint.weights), joint.window.grid
    halvings = _few(law) if joint.tokened else 0
    coarse = grid
    for _ in range(halvings):
        coarse = coarse.coarse()
    for rungs in joint.markets:
        if joint.chance(rungs) <= 0.0:
            continue
        money = outside * joint.fine.in_money(joint.weights, rungs)
        if not joint.tokened:
            yield rungs, slice(None), grid, grid.back(money)
            continue
        tables = joint.tables(rungs)
        prices = joint.counted(rungs)
        for cell in cells.gathered(prices, joint.scenarios.weights, joint.matter, _CELLS):
            dear = cells.mixed(tables, [each.at(cell.prices) for each in joint.priced])
            rest = _thinned(grid, money * cells.products(dear)[0], halvings)
            yield rungs, cell.members, coarse, coarse.back(rest)


def _stretched(joint: Joint, places: Sequence[float]) -> list[tuple[Array, Array]]:
    """The same where losses in tokens stand at the prices of the scenario."""
    assert joint.clouds is not None
    window, size = joint.window, len(joint.scenarios.weights)
    clouds = joint.clouds.fewer(_POINTS)
    beyond = (window.low + window.grid.places) - np.array(places)[:, None]
    rows = np.concatenate([beyond > 0.0, np.maximum(beyond, 0.0)])
    by = against(window.grid.weighing(rows), joint.fine.fixed(joint.weights))
    found = np.zeros((len(rows), size))
    for rungs in joint.markets:
        if joint.chance(rungs) > 0.0:
            own = joint.losses(rungs), joint.counted(rungs)
            rest = against(by, joint.fine.in_money(joint.weights, rungs))
            for chance, term in stretched.likely(clouds, joint.tables(rungs)):
                values = window.grid.weights(chance * against(rest, term.beside))
                for cloud in term.clouds:
                    found += stretched.read(window, values, *own, cloud)[0]
    return list(zip(found[: len(places)], found[len(places) :], strict=True))


def _beyond(mass: Array, step: float, d: Array) -> tuple[Array, Array]:
    """P(O > d) and E (O - d)+ of a law that is never negative, at many points."""
    whole = float(mass.sum())
    above = whole - np.cumsum(mass)
    mean = step * float(mass @ np.arange(mass.size))
    # E (O - k h)+ falls by h P(O > k h) from each point to the next
    excess = np.concatenate([[mean], mean - step * np.cumsum(above)[:-1]])
    place = np.clip(d / step, 0.0, mass.size - 1.0)
    k = np.minimum(place.astype(np.intp), mass.size - 2)
    place -= k
    p, e = (found[k] + place * np.diff(found)[k] for found in (above, excess))
    return np.where(d < 0.0, whole, p), np.where(d < 0.0, mean - d * whole, e)


def histories(
    joint: Joint, law: SignedLaw, apart: Scenarios, times: int, levels: Sequence[float]
) -> dict[float, tuple[Interval, Interval]]:
    """90 % intervals of VaR and CVaR from the length of the price history.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    apart : Scenarios
        As other histories would have given them, one history after the other.
    times : int
        How many histories; each gives as many scenarios as another.
    levels : sequence of float

    Returns
    -------
    dict of level to (interval of VaR, interval of CVaR), in money
        The laws are made with few cells of prices on few points; moved by as much as the law
        differs from the same made so.
    """
    base, *laws = _reaching(_Pool(joint, apart, times), _few(law), 1.0 - max(levels))
    found = {}
    for level in levels:
        var = [each.var(level) - base.var(level) + law.var(level) for each in laws]
        cvar = [each.cvar(level) - base.cvar(level) + law.cvar(level) for each in laws]
        found[level] = (_middle(var), _middle(cvar))
    return found


class _Pool:
    """A law's own scenarios and those of other histories, which share cells of prices."""

    def __init__(self, joint: Joint, apart: Scenarios, times: int) -> None:
        own, each = len(joint.scenarios.weights), len(apart.weights) // times
        self.joint, self._apart, self.count = joint, apart, 1 + times
        self.owner = np.repeat(np.arange(1 + times), [own, *[each] * times])
        self.weights = np.concatenate([joint.scenarios.weights, times * apart.weights])
        ends = np.cumsum([0, own, *[each] * times]).tolist()
        self.each = [slice(a, b) for a, b in itertools.pairwise(ends)]

    def groups(self, points: int) -> list[slice]:
        """Histories that are transformed together: fewer where points are very many."""
        size = max(_MOST // points, 1)
        return [slice(at, at + size) for at in range(0, self.count, size)]

    def losses(self, rungs: Rungs) -> Array:
        """What the portfolio loses in each scenario under a state of prices."""
        return np.concatenate([self.joint.losses(rungs), self._apart.total(rungs)])

    def prices(self, rungs: Rungs) -> dict[str, Array]:
        """Of the tokens that losses are counted in, in each scenario."""
        own, other = self.joint.counted(rungs), self._apart.prices(rungs)
        return {token: np.concatenate([each, other[token]]) for token, each in own.items()}

    def cells(self, rungs: Rungs) -> Iterator[Cell]:
        """Scenarios by cell of prices; all together where nothing is counted in tokens."""
        joint = self.joint
        if not joint.tokened:
            yield Cell(np.arange(len(self.weights)), self.weights, {}, {})
            return
        yield from cells.gathered(self.prices(rungs), self.weights, joint.matter, _CELLS)


def _few(law: SignedLaw) -> int:
    """How often points are halved: the scale of the loss keeps so many steps.

    Where most horizons lose nothing the scale is that of rarer ones.
    """
    if law.grid.lattice:
        return 0
    reach = (law.var(level) - law.var(0.5) for level in LEVELS)
    steps = next((each for each in reach if each > 0.0), 0.0) / law.step
    return math.floor(math.log2(max(steps / _STEPS, 1.0)))


def _reaching(pool: _Pool, halvings: int, rare: float) -> list[SignedLaw]:
    """The laws on a window that all of them keep to, as far as one is asked.

    The joint law's own reaches as far as its scenarios do, and other histories have larger losses.
    """
    for doublings in range(_MOST_DOUBLINGS + 1):
        laws = _laws(pool, halvings, doublings)
        if all(law.beyond < rare for law in laws):
            break
    return laws


def _laws(pool: _Pool, halvings: int, doublings: int = 0) -> list[SignedLaw]:
    """The law with its own scenarios, then with those of each other history; prices are expected
    to be what they are in its own.
    """
    joint = pool.joint
    thin = joint.window.grid
    for _ in range(halvings):
        thin = thin.coarse()
    grid = replace(thin, points=thin.points << doublings)
    window = Window(grid, -(-joint.window.zero // 2**halvings))

    def placed(transform: Transform) -> Transform:
        found = _thinned(joint.window.grid, transform, halvings)
        if not doublings:
            return found
        return grid.forward(np.pad(thin.back(found), (0, grid.points - thin.points)))

    total = np.zeros((pool.count, grid.points // 2 + 1), dtype=np.complex128)
    mean = np.full(pool.count, math.fsum(joint.line_mean(key) for key in joint.register.lines))
    outside = joint.fine.fixed(joint.weights)
    for states in joint.alike:
        losses = {rungs: pool.losses(rungs) for rungs in states if joint.chance(rungs) > 0.0}
        rests = {rungs: outside * joint.fine.in_money(joint.weights, rungs) for rungs in losses}
        for rungs, own in losses.items():
            held = pool.weights * window.clamped(own)
            mean += joint.chance(rungs) * np.bincount(pool.owner, held, pool.count)
        if joint.clouds is not None:
            for rungs, rest in rests.items():
                total += _in_histories(pool, window, placed, rungs, rest)
            continue
        for cell in pool.cells(states[0]):
            at = [each.at(cell.prices) for each in joint.priced]
            owner = pool.owner[cell.members]
            for rungs, rest in rests.items():
                value, slopes = cells.products(cells.mixed(joint.tables(rungs), at))
                flat = placed(rest * value)
                bent = {token: placed(rest * z) for token, z in slopes.items()}
                for some in pool.groups(grid.points):
                    mine = slice(*np.searchsorted(owner, [some.start, some.stop]))
                    law, aside = cell.only(mine).transforms(
                        window, losses[rungs], owner[mine] - some.start, len(total[some])
                    )
                    total[some] += law * flat
                    for token, slope in bent.items():
                        total[some] += aside[token] * slope
    pairs = zip(total, mean.tolist(), strict=True)
    return [SignedLaw(window, grid.back(z), mean=mu, sd=math.nan) for z, mu in pairs]


def _in_histories(
    pool: _Pool,
    window: Window,
    placed: Callable[[Transform], Transform],
    rungs: Rungs,
    rest: Transform,
) -> Transform:
    """Of each history the transform of everything under a state of prices, losses in tokens at the
    prices of each scenario.
    """
    joint = pool.joint
    assert joint.clouds is not None
    clouds, losses, prices = joint.clouds.fewer(_POINTS), pool.losses(rungs), pool.prices(rungs)
    found = np.zeros((pool.count, window.grid.points // 2 + 1), dtype=np.complex128)
    for chance, term in stretched.likely(clouds, joint.tables(rungs)):
        beside = placed(chance * rest * term.beside)
        for row, mine in zip(found, pool.each, strict=True):
            own = {token: price[mine] for token, price in prices.items()}
            law = stretched.bare(window, losses[mine], pool.weights[mine], own, term)
            row += law * beside
    return found


def _thinned(grid: Grid, transform: Transform, halvings: int) -> Transform:
    """A transform on fewer points."""
    for _ in range(halvings):
        transform, grid = grid.thinned(transform), grid.coarse()
    return transform


def _middle(values: Sequence[float]) -> Interval:
    ordered = sorted(values)
    cut = math.floor(0.05 * len(ordered))
    return ordered[cut], ordered[len(ordered) - 1 - cut]
