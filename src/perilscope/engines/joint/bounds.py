# SPDX-License-Identifier: Apache-2.0
"""Bounds of VaR and CVaR of the joint law that hold whatever the step of the grid.

As in `perilscope.engines.aggregate.bounds`, and for the market and what is counted in tokens:

- *VaR.* Every scenario's loss is rounded down or up to the grid, every price to a lattice of
  prices; losses grow with both, so the order is kept.
- *CVaR from above.* Scenarios are split between two points of the grid and prices between two of
  the lattice, both with their means kept. Given events the loss is linear in the market's loss and
  in the prices, so it becomes larger in convex order.
- *CVaR from below.* Market losses by tangents of their premiums, as events are; prices down.

Gains beyond the window count as its lowest point from above; from below everything under such a
scenario counts as no loss beyond it at all. What lies beyond the window's end is in the means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import numpy.typing as npt

from perilscope.engines.aggregate.bounds import Bounds, Ways, checked, is_noise, wider
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.rounded import Put, Reached, Rounded, Sized, added, mixed
from perilscope.engines.aggregate.structure import Component
from perilscope.engines.grids.grid import Grid
from perilscope.engines.grids.roundings import Cells, beneath
from perilscope.engines.joint import dearer
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.lattice import Lattice
from perilscope.engines.joint.parts import Part, Rungs
from perilscope.errors import AssessmentError

Array = npt.NDArray[np.float64]

POINTS = 2**15
"""Points of the window; brackets of VaR narrow with them, of CVaR faster."""
_FURTHER = 1.25
"""How far the window reaches, against that of the joint law."""
_GAINS = 2.0
"""How far it reaches into gains, against its reach into losses."""
_DAMPING = 3.0
_WIDENINGS = 6
_ON = 1e-9
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class _Way:
    """How losses of free lines, of capped ones, of the market, and prices are put."""

    free: Put
    held: Put
    market: str
    prices: str


_UP = _Way(Cells.up, Cells.up, "up", "up")
_DOWN = _Way(Cells.down, Cells.down, "down", "down")
_MORE = _Way(Cells.split, Cells.up, "split", "split")
_LESS = _Way(Cells.tangents, Cells.down, "tangents", "down")


def brackets(joint: Joint, levels: Sequence[float], *, points: int = POINTS) -> dict[float, Bounds]:
    """Brackets of VaR and CVaR of the sum of everything, from the same laws.

    Parameters
    ----------
    joint : Joint
    levels : sequence of float
        Between 0 and 1.
    points : int
        A power of two: how many points the window has at least.

    Returns
    -------
    dict of level to Bounds
        In money. They are about the discretisation: integrals over beliefs are taken at the nodes
        the register uses, and what the number of scenarios leaves to chance is not covered.

    Raises
    ------
    MisuseError
        For a level that is not between 0 and 1.
    AssessmentError
        For a level that no window reaches.

    Examples
    --------
    A market that loses 4 or gains 4, and one event in ten years that costs 3:

    >>> from perilscope.engines.aggregate.compound import Compound
    >>> from perilscope.engines.laws.counts import Binomial
    >>> from perilscope.engines.laws.distributions import Constant
    >>> from perilscope.engines.joint.window import Window
    >>> from perilscope.engines.aggregate.register import Register
    >>> from perilscope.engines.joint.parts import Scenarios
    >>> class Coin(Scenarios):
    ...     names, weights = ("coin",), np.array([0.5, 0.5])
    ...     def parts(self, rungs): return np.array([[4.0], [-4.0]])
    ...     def prices(self, rungs): return {}
    >>> line = Compound("theft", lambda theta, years: (Binomial(1, 0.1), Constant(3.0)))
    >>> joint = Joint(Register([line]), [], Coin(), wide=Window(Grid(1.0, 64), 16))
    >>> found = brackets(joint, [0.9])[0.9]  # 4 and 4 + 3 x 0.05 / 0.1
    >>> found.var_low <= 4.0 <= found.var_high, found.cvar_low <= 5.5 <= found.cvar_high
    (True, True)
    >>> found.var_high - found.var_low < 0.01, found.cvar_high - found.cvar_low < 0.01
    (True, True)
    """
    checked(levels)
    end = _FURTHER * max(joint.window.high, joint.window.grid.step)
    gain = max(max(float(-joint.losses(rungs).min()) for rungs in joint.markets), 0.0)
    gain, wanted = min(gain, _GAINS * end), max(levels, default=0.5)
    grid = Grid((gain + end) / (points - 1), points, _DAMPING)
    lattice = Lattice(joint)
    for _ in range(_WIDENINGS):
        sums = _Sums(joint, Cells(grid), math.ceil(gain / grid.step) * grid.step, lattice)
        high = sums.read(_UP)
        if high.reaches(wanted):
            break
        grid = wider(grid)
    else:
        raise AssessmentError(
            f"the level {wanted} lies beyond {grid.range - gain:.6g}, which a bound can reach"
        )
    low, more, less = sums.read(_DOWN), sums.read(_MORE), sums.read(_LESS)
    ways = Ways(low, high, less, more)
    found = {level: ways.read(level, sums.apart) for level in levels}
    return {level: Bounds(*(x - sums.lift for x in astuple(b))) for level, b in found.items()}


class _Sums:
    """The sum of everything, moved up so that no scenario lies below the grid.

    Parameters
    ----------
    joint : Joint
    cells : Cells
    lift : float
        By how much it is moved up; a multiple of the step.
    lattice : Lattice
        Of prices.
    """

    def __init__(self, joint: Joint, cells: Cells, lift: float, lattice: Lattice) -> None:
        self._joint, self._cells, self.lift = joint, cells, lift
        self._lattice = lattice
        self._exact = math.nan

    @property
    def apart(self) -> float:
        """Exact mean less that at the nodes of beliefs; known once ``_MORE`` is read."""
        joint = self._joint
        if not joint.register.exact:
            return 0.0
        cut = math.fsum(
            joint.chance(rungs)
            * float(joint.scenarios.weights @ np.maximum(-self.lift - joint.losses(rungs), 0.0))
            for rungs in joint.markets
        )
        return joint.mean(joint.weights)[0] + cut + self.lift - self._exact

    def read(self, way: _Way) -> Reached:
        """The sum put in one way."""
        joint, grid = self._joint, self._cells.grid
        rounded = Rounded(joint.register, self._cells, way.free, way.held)
        outside, certain = self._outside(rounded, way)
        made = _Made(joint, rounded, way, self._cells, self.lift, self._lattice)
        moved = mixed(made.states(), grid)
        made.errors()
        whole = added([*outside, moved], grid)
        if made.cut > 0.0:
            nothing = Sized(np.ones_like(whole.transform), 0.0, 0.0, 0.0)
            whole = mixed([(1.0 - made.cut, whole), (made.cut, nothing)], grid)
        self._exact = whole.exact + certain if way is _MORE else self._exact
        return Reached(rounded, whole, certain)

    def _outside(self, rounded: Rounded, way: _Way) -> tuple[list[Sized], float]:
        """Parts that no state of prices touches, and what of them stands as its mean."""
        joint = self._joint
        found, certain = [], 0.0
        for part in joint.parts:
            if part.coupled or part.component is None:
                continue
            one = rounded.component(_given(part, part.table(joint.weights)[()]))
            tangents = way is _LESS and not part.interfaces
            if tangents and is_noise(joint.register, part.component, one.exact - one.low):
                certain += one.exact
            else:
                found.append(one)
        return found, certain


def _given(part: Part, chances: Array) -> Component:
    """A part's component with its patterns as likely as they are."""
    assert part.component is not None
    if not part.interfaces:
        return part.component
    pairs = zip(chances.tolist(), part.patterns, strict=True)
    return replace(part.component, listed=tuple((p, each) for p, each in pairs if p > 0.0))


@dataclass(frozen=True)
class _Known:
    """A part on the grid, the error of its transform, and what its clamps may have taken in."""

    sized: Sized
    delta: float
    wraps: float


class _Made:
    """States of prices with everything that they touch."""

    def __init__(
        self,
        joint: Joint,
        rounded: Rounded,
        way: _Way,
        cells: Cells,
        lift: float,
        lattice: Lattice,
    ) -> None:
        self._joint, self._rounded, self._way = joint, rounded, way
        self._cells, self._lift, self._lattice = cells, lift, lattice
        self._tables = [part.table(joint.weights) for part in joint.parts]
        self._known: dict[tuple[int, Rungs, tuple[int, ...]], _Known] = {}
        self._base = rounded.delta, rounded.wraps
        self._worst = 0.0, 0.0
        each = [(joint.chance(r), joint.losses(r) < -lift) for r in joint.markets]
        low = way.prices == "down"
        gains = [p * float(joint.scenarios.weights @ gain) for p, gain in each if low]
        self.cut = math.fsum(gains)
        """Probability of gains beyond the window, where they count as nothing."""

    def errors(self) -> None:
        """Add what rounding amounts to: that of the worst cell, as cells are weighed."""
        rounded, (delta, wraps) = self._rounded, self._worst
        rounded.delta = self._base[0] + delta + 8.0 * _EPS * math.log2(rounded.grid.points)
        rounded.wraps = self._base[1] + wraps

    def states(self) -> Iterator[tuple[float, Sized]]:
        """Probability and sum of each state of prices."""
        joint, grid = self._joint, self._cells.grid
        for rungs in joint.markets:
            chance = joint.chance(rungs)
            if chance <= 0.0:
                continue
            parts = [
                self._part(c, rungs, {})
                for c, part in enumerate(joint.parts)
                if part.coupled and not part.counted and part.component is not None
            ]
            within = mixed(self._priced(rungs, parts), grid)
            weight = chance * self._kept(rungs) / (1.0 - self.cut)
            yield weight, added([*(part.sized for part in parts), within], grid)

    def _kept(self, rungs: Rungs) -> float:
        """Share of the scenarios that the window holds, or that are put on its lowest point."""
        if self.cut == 0.0:
            return 1.0
        weights = self._joint.scenarios.weights
        return float(weights[self._joint.losses(rungs) >= -self._lift].sum())

    def _priced(self, rungs: Rungs, parts: Sequence[_Known]) -> Iterator[tuple[float, Sized]]:
        """Probability of each cell of prices, and what the market and thefts lose there."""
        joint, kept = self._joint, self._kept(rungs)
        for nodes, losses, weights in self._lattice.gathered(rungs, self._way.prices):
            if self.cut > 0.0:
                inside = losses >= -self._lift
                losses, weights = losses[inside], weights[inside]
            mass = float(weights.sum())
            if mass <= 0.0:
                continue
            at = dict(zip(self._lattice.tokens, nodes, strict=True))
            thefts = [self._part(c, rungs, at) for c in joint.tokened]
            own = [*parts, *thefts]
            self._worst = (
                max(self._worst[0], math.fsum(each.delta for each in own)),
                max(self._worst[1], math.fsum(each.wraps for each in own)),
            )
            market = self._market(np.maximum(losses + self._lift, 0.0), weights / mass)
            yield mass / kept, added([market, *(each.sized for each in thefts)], self._cells.grid)

    def _part(self, c: int, rungs: Rungs, nodes: Mapping[str, int]) -> _Known:
        """A part given the state of prices, at nodes of the lattice of prices."""
        joint = self._joint
        part, mine = joint.parts[c], joint.rungs_of(c, rungs)
        at = {token: nodes[token] for token in part.tokens}
        key = c, mine, tuple(at.values())
        if key not in self._known:
            table, lines = self._tables[c][mine], joint.register.lines
            if any(at.values()):
                dear = {token: self._lattice.price(node) for token, node in at.items()}
                lines = {**lines, **dearer.at_lines(part, lines, dear)}
                part = dearer.at_prices(part, dear)
            component = _given(part, table / math.fsum(table.tolist()))
            self._known[key] = self._own(component, lines)
        return self._known[key]

    def _own(self, component: Component, lines: Mapping[str, Compound]) -> _Known:
        """A component with its own errors alone."""
        rounded = self._rounded
        rounded.delta, rounded.wraps = 8.0 * _EPS * math.log2(rounded.grid.points), 0.0
        sized = rounded.component(component, lines)
        return _Known(sized, rounded.delta, rounded.wraps)

    # --- the market

    def _market(self, losses: Array, weights: Array) -> Sized:
        """Scenarios on the grid, put in one way."""
        grid, mean = self._cells.grid, float(weights @ losses)
        if self._way.market == "tangents" and not self._lattice.tokens:
            under = beneath(*self._premiums(losses, weights), mean, grid.step)
            if under is not None:
                return Sized(grid.forward(under.mass), under.mean, mean, mean)
        at = losses / grid.step
        near = np.rint(at)
        at = np.where(np.abs(at - near) <= _ON * np.maximum(at, 1.0), near, at)
        if self._way.market == "split":
            places, share = np.floor(at), at - np.floor(at)
            found = self._mass(places, weights * (1.0 - share))
            found += self._mass(places + 1.0, weights * share)
            return Sized(grid.forward(found), mean, mean, mean)
        places = np.ceil(at) if self._way.market == "up" else np.floor(at)
        put = grid.step * float(weights @ places)
        return Sized(grid.forward(self._mass(places, weights)), put, put, mean)

    def _mass(self, places: Array, weights: Array) -> Array:
        inside = (places >= 0) & (places < self._cells.grid.points)
        at = places[inside].astype(np.int64)
        return np.bincount(at, weights[inside], self._cells.grid.points).astype(np.float64)

    def _premiums(self, losses: Array, weights: Array) -> tuple[Array, Array]:
        """E min(loss, x) and P(loss > x) at the middles of the cells."""
        order = np.argsort(losses)
        sizes, mass = losses[order], weights[order]
        middles = self._cells.places + 0.5 * self._cells.grid.step
        count = np.searchsorted(sizes, middles, side="right")
        below = np.concatenate([[0.0], np.cumsum(mass)])[count]
        inside = np.concatenate([[0.0], np.cumsum(mass * sizes)])[count]
        above = np.maximum(float(mass.sum()) - below, 0.0)
        return inside + middles * above, above
