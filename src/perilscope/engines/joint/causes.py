# SPDX-License-Identifier: Apache-2.0
"""What the networks' states have to do with the tail of a joint law.

A cause is no addend; of it there is the probability of each joint state given a loss beyond VaR,
and the expected loss beyond VaR in each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perilscope.engines.grid import Transform
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Rungs
from perilscope.engines.joint.side import Side

Array = npt.NDArray[np.float64]


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
