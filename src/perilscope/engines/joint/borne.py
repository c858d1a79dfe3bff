# SPDX-License-Identifier: Apache-2.0
"""Who bears the tail of a joint law: lines, holdings, and what the networks' states have to do
with it.

Lines and holdings are addends: their Euler contributions E[X_i | worst share 1 - a] add up to CVaR
(Tasche 1999). A cause is no addend; of it there is the probability of each joint state given a loss
beyond VaR, and the expected loss beyond VaR in each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines import allocation
from perilscope.engines.grid import Transform
from perilscope.engines.joint import cells
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.many import Many
from perilscope.engines.joint.parts import Rungs, ones
from perilscope.engines.joint.side import Side, Weights

Array = npt.NDArray[np.float64]
Cuts = dict[str, tuple[float, float]]

_FEW = 4
"""Cells of prices, at least, when what is borne is split; the parts are then made to add up."""
_MOVED = "\0moved"


@dataclass(frozen=True)
class Borne:
    """Contributions to CVaR at one level, in money; together they are CVaR.

    Parameters
    ----------
    lines, holdings : mapping of float
        By key of the line, and by holding of the market.
    """

    level: float
    cvar: float
    lines: Mapping[str, float]
    holdings: Mapping[str, float]


def contributions(joint: Joint, law: SignedLaw, level: float) -> Borne:
    """Euler contributions of lines and holdings to the CVaR of the sum.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    level : float

    Notes
    -----
    The window moves the sum up by its lowest point; that is one more addend, a sure one.
    """
    weights = joint.weights
    split = allocation.Split(law.moved, level)
    lines, means = _lines(joint, weights, split)
    holdings, held = _holdings(joint, weights, split)
    mass = law.moved.mass
    cuts = {**lines, **holdings, _MOVED: split.cut(mass * -joint.window.low)}
    every = {**means, **held, _MOVED: -joint.window.low}
    shares = split.shares(cuts, every)
    # the sure addend bears itself; what rounding makes of it goes to all by their size
    off = shares.pop(_MOVED) + joint.window.low
    size = math.fsum(abs(x) for x in shares.values()) or 1.0
    fair = {key: x + off * abs(x) / size for key, x in shares.items()}
    return Borne(
        level,
        law.cvar(level),
        {key: fair[key] for key in lines},
        {name.removeprefix("\0held "): fair[name] for name in holdings},
    )


def _lines(
    joint: Joint, weights: Weights, split: allocation.Split
) -> tuple[Cuts, dict[str, float]]:
    side, grid = joint.fine, joint.window.grid
    cuts: Cuts = {}
    means: dict[str, float] = {}
    moved = side.moved(weights)
    whole = sum(moved.values(), np.zeros(1, dtype=np.complex128))
    fixed = [c for c, part in enumerate(joint.parts) if not part.coupled]
    sums = [_mean_of(joint, c, weights) for c in fixed]
    for place, rest in allocation.rests([*sums, whole], grid):
        if place == len(fixed):
            continue
        c = fixed[place]
        table = joint.parts[c].table(weights)[()]
        shares = joint.parts[c].shares(side.transforms, joint.register.lines)
        for key in joint.parts[c].keys:
            size = _weighed(table, shares, key)
            if size is not None:
                cuts[key] = split.cut(grid.back(size * rest))
    outside = side.fixed(weights)
    for c, part in enumerate(joint.parts):
        if part.coupled and part.keys and not part.token:
            rests = side.moved(weights, leave=c)
            tables = part.table(weights)
            shares = part.shares(side.transforms, joint.register.lines)
            for key in part.keys:
                total = np.zeros(1, dtype=np.complex128)
                for rungs, rest in rests.items():
                    size = _weighed(tables[rungs], shares, key)
                    total = total if size is None else total + size * rest
                cuts[key] = split.cut(grid.back(total * outside + 0.0 * outside))
        elif part.token:
            for key, size in _token_shares(joint, c, weights).items():
                cuts[key] = split.cut(grid.back(size * outside))
    for key in cuts:
        means[key] = joint.line_mean(key)
    return {key: cuts[key] for key in joint.register.lines if key in cuts}, means


def _mean_of(joint: Joint, c: int, weights: Weights) -> Transform:
    return np.asarray(joint.parts[c].table(weights)[()] @ joint.fine.patterns(c))


def _weighed(
    table: Array, shares: list[Mapping[str, Transform]] | Many, key: str
) -> Transform | None:
    """A line's part of the sum over the patterns; None where it never has any."""
    if isinstance(shares, Many):
        return shares.weighed(table, key)
    found: Transform | None = None
    for chance, each in zip(table.tolist(), shares, strict=True):
        if chance > 0.0 and key in each:
            found = chance * each[key] if found is None else found + chance * each[key]
    return found


def _token_shares(joint: Joint, c: int, weights: Weights) -> dict[str, Transform]:
    """Of lines counted in tokens E[line; market and all that is coupled = s], in plain cells.

    Each line of a part is taken to bear alike at every price, by what it bears at the cell's.
    """
    found: dict[str, Transform] = {}
    side, lines = joint.fine, joint.register.lines
    part = joint.parts[c]
    rest = others(joint, weights, c)
    for rungs in joint.markets:
        chance = joint.chance(rungs, weights)
        if chance <= 0.0:
            continue
        table = part.table(weights)[joint.rungs_of(c, rungs)]
        for members, mass in _cells(joint, rungs):
            law = joint.window.transform(joint.losses(rungs)[members], mass)
            priced = joint.prices(rungs)
            here = {t: float(mass @ priced[t][members]) / float(mass.sum()) for t in joint.matter}
            price = here[part.token]
            at = cells.at_price(part, price)
            shares = at.shares(side.transforms, cells.at_lines(part, lines, price))
            term = law * rest[rungs]
            for other, each in zip(joint.tokened, joint.priced, strict=True):
                if other != c:
                    own = joint.parts[other].table(weights)[joint.rungs_of(other, rungs)]
                    term = term * (own @ each.at(here[each.part.token])[0])
            for key in part.keys:
                size = _weighed(table, shares, key)
                if size is not None:
                    found[key] = found.get(key, np.zeros(1, dtype=np.complex128)) + size * term
    return found


def others(joint: Joint, weights: Weights, leave: int = -1) -> dict[Rungs, Transform]:
    """By state of prices the product of what is coupled and counted in money.

    Probabilities of parts that are counted in tokens are left out.
    """
    found = {}
    for rungs in joint.markets:
        term = ones(joint.window.grid)
        for c, part in enumerate(joint.parts):
            if part.coupled and not part.token and c != leave:
                table = part.table(weights)[joint.rungs_of(c, rungs)]
                term = term * (table @ joint.fine.patterns(c))
        found[rungs] = term
    return found


def _cells(joint: Joint, rungs: Rungs) -> list[tuple[npt.NDArray[np.int64], Array]]:
    """Scenarios of one state of prices by cell, with their probabilities."""
    weights = joint.scenarios.weights
    if not joint.tokened:
        return [(np.arange(len(weights)), weights)]
    prices = joint.prices(rungs)
    chosen = {token: prices[token] for token in joint.matter}
    labels = cells.labelled(chosen, joint.matter, max(joint.count // 4, _FEW))
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels)).tolist()
    starts = [0, *ends[:-1]]
    return [(order[a:b], weights[order[a:b]]) for a, b in zip(starts, ends, strict=True)]


def _holdings(
    joint: Joint, weights: Weights, split: allocation.Split
) -> tuple[Cuts, dict[str, float]]:
    """What each holding of the market bears, and its mean as the window holds it."""
    grid, window = joint.window.grid, joint.window
    names = joint.scenarios.names
    sums = [np.zeros(grid.points // 2 + 1, dtype=np.complex128) for _ in names]
    means = np.zeros(len(names))
    rest, outside = others(joint, weights), joint.fine.fixed(weights)
    for rungs in joint.markets:
        if joint.chance(rungs, weights) <= 0.0:
            continue
        parts, losses = joint.scenarios.parts(rungs), joint.losses(rungs)
        held = window.clamped(losses)
        # what is cut of a gain is cut of every holding alike
        kept = np.divide(held, losses, out=np.ones_like(losses), where=held != losses)
        chance = joint.chance(rungs, weights)
        means += chance * ((joint.scenarios.weights * kept) @ parts)
        for members, mass in _cells(joint, rungs):
            term = rest[rungs]
            for c, each in zip(joint.tokened, joint.priced, strict=True):
                priced = joint.prices(rungs)[each.part.token][members]
                own = joint.parts[c].table(weights)[joint.rungs_of(c, rungs)]
                term = term * (own @ each.at(float(mass @ priced) / float(mass.sum()))[0])
            for a in range(len(names)):
                share = mass * kept[members] * parts[members, a]
                sums[a] += window.transform(losses[members], share) * term
    cuts = {
        f"\0held {name}": split.cut(grid.back(total * outside))
        for name, total in zip(names, sums, strict=True)
    }
    return cuts, dict(zip(cuts, means.tolist(), strict=True))


# --- causes


def means(joint: Joint) -> tuple[Array, ...]:
    """Of each interface, the mean of all lines in each of its joint states, at today's prices."""
    found = []
    for i, own in enumerate(joint.weights):
        known = list(joint.weights)
        each = []
        for k in range(len(own)):
            known[i] = np.eye(len(own))[k]
            each.append(joint.own_mean(known))
        found.append(np.array(each))
    return tuple(found)


@dataclass(frozen=True)
class StateTail:
    """Losses beyond a point in the joint states of one interface.

    Parameters
    ----------
    chance : array, shape (states,)
        P(state).
    exceed : array, shape (states,)
        P(L > x | state).
    excess : array, shape (states,)
        E[(L - x)+ | state], in money.
    """

    chance: Array
    exceed: Array
    excess: Array

    @property
    def posterior(self) -> Array:
        """P(state | L > x)."""
        both = self.chance * self.exceed
        whole = math.fsum(both.tolist())
        return both / whole if whole > 0.0 else both


def tails(joint: Joint, law: SignedLaw, x: float) -> tuple[StateTail, ...]:
    """Of each interface, what lies beyond a loss in each of its joint states.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    x : float
        Money.
    """
    found: dict[int, StateTail] = {}
    weights = joint.weights
    for c, part in enumerate(joint.parts):
        if not part.interfaces:
            continue
        exceed, excess = _given(joint, c, x)
        chances = part.chances(weights)
        for place, i in enumerate(part.interfaces):
            at = np.array([state.at[place] for state in part.states])
            own = weights[i]
            size = len(own)
            # given the state of one interface, the others keep their own law
            rest = np.divide(chances, own[at], out=np.zeros_like(chances), where=own[at] > 0.0)
            if len(part.interfaces) == 1:
                rest = np.ones_like(chances)
            found[i] = StateTail(
                own,
                np.bincount(at, rest * exceed, size).astype(np.float64),
                np.bincount(at, rest * excess, size).astype(np.float64),
            )
    return tuple(found[i] for i in sorted(found))


def _given(joint: Joint, c: int, x: float) -> tuple[Array, Array]:
    """P(L > x) and E (L - x)+ in every state of one part."""
    part = joint.parts[c]
    if part.token:
        return _given_token(joint, c, x)
    sides = [(side, _rests(side, joint, c)) for side in (joint.fine, joint.coarse)]
    known: dict[tuple[Rungs, int], tuple[float, float]] = {}
    for state in part.states:
        key = (state.rungs, state.pattern)
        if key not in known and state.rungs in sides[0][1]:
            fine, half = (
                side.grid.back(side.patterns(c)[state.pattern] * rests[state.rungs])
                for side, rests in sides
            )
            known[key] = _beyond(joint, fine, half, joint.mean_given(c, state), x)
    none = (0.0, 0.0)
    both = [known.get((state.rungs, state.pattern), none) for state in part.states]
    return np.array([p for p, _ in both]), np.array([e for _, e in both])


def _rests(side: Side, joint: Joint, c: int) -> dict[Rungs, Transform]:
    """Everything but one part, by the state of prices that the part makes."""
    weights = joint.weights
    if not joint.parts[c].coupled:
        whole = sum(side.moved(weights).values(), np.zeros(1, dtype=np.complex128))
        return {(): whole * side.fixed(weights, leave=c)}
    outside = side.fixed(weights)
    return {rungs: rest * outside for rungs, rest in side.moved(weights, leave=c).items()}


def _given_token(joint: Joint, c: int, x: float) -> tuple[Array, Array]:
    """The same of a part that is counted in tokens: each state by itself."""
    part = joint.parts[c]
    found = []
    for state in part.states:
        known = list(joint.weights)
        for place, i in enumerate(part.interfaces):
            known[i] = np.eye(len(known[i]))[state.at[place]]
        mean, cut = joint.mean(known)
        fine, half = joint.fine.law(known), joint.coarse.law(known)
        found.append(_beyond(joint, fine, half, mean + cut, x))
    return np.array([p for p, _ in found]), np.array([e for _, e in found])


def _beyond(joint: Joint, mass: Array, half: Array, mean: float, x: float) -> tuple[float, float]:
    """P(L > x) and E (L - x)+ of a law on the window, as `Joint.law` reads it."""
    window = joint.window
    coarse = None if window.grid.lattice else half
    law = SignedLaw(window, mass, mean=mean, sd=math.nan, coarse=coarse)
    return max(law.exceed(x), 0.0), law.excess(x)
