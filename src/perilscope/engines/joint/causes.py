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

from perilscope.engines.grids.grid import Transform
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.many import listed
from perilscope.engines.joint.near import Near
from perilscope.engines.joint.parts import Rungs, State
from perilscope.engines.joint.side import Side

Array = npt.NDArray[np.float64]


def means(joint: Joint) -> tuple[Array, ...]:
    """Of each interface, the mean of all lines in each of its joint states, at today's prices."""
    found: dict[int, Array] = {}
    whole = joint.own_mean(joint.weights)
    for c, part in enumerate(joint.parts):
        beside = whole - joint.means.today(c, joint.weights)
        each = joint.means.in_pattern(c)[part.pattern]
        for i in part.interfaces:
            found[i] = beside + _given_one(joint, c, i, each)
    return tuple(found[i] for i in sorted(found))


def _given_one(joint: Joint, c: int, i: int, each: Array) -> Array:
    """Mean of something over a part's states, given each state of one of its interfaces.

    The others keep their own law.
    """
    part, size = joint.parts[c], len(joint.weights[i])
    at = part.at[:, part.interfaces.index(i)]
    rest = part.chances(joint.weights, leave=i)
    return np.bincount(at, rest * each, size).astype(np.float64)


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
    near = Near(joint.window, x)
    for c, part in enumerate(joint.parts):
        if not part.interfaces:
            continue
        exceed, excess = _given(joint, c, near)
        for i in part.interfaces:
            exceeds, excesses = (_given_one(joint, c, i, each) for each in (exceed, excess))
            found[i] = StateTail(joint.weights[i], exceeds, excesses)
    return tuple(found[i] for i in sorted(found))


def _given(joint: Joint, c: int, near: Near) -> tuple[Array, Array]:
    """P(L > x) and E (L - x)+ in every state of one part."""
    part = joint.parts[c]
    if part.counted:
        return _given_token(joint, c, near)
    sides = joint.fine, joint.coarse
    fine, half = (_rests(side, joint, c) for side in sides)
    beside = {rungs: near.beside(fine[rungs], half[rungs]) for rungs in fine}
    states: dict[int, dict[Rungs, State]] = {}
    for state in part.states:
        states.setdefault(state.pattern, {}).setdefault(state.rungs, state)
    known: dict[tuple[Rungs, int], tuple[float, float]] = {}
    pairs = (listed(side.patterns(c)) for side in sides)
    for (pattern, one), (_, two) in zip(*pairs, strict=True):
        for rungs, state in states[pattern].items():
            if rungs in beside:
                mean = joint.mean_given(c, state)
                known[rungs, pattern] = beside[rungs].beyond(one, two, mean)
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


def _given_token(joint: Joint, c: int, near: Near) -> tuple[Array, Array]:
    """The same of a part that is counted in tokens: each state by itself."""
    part = joint.parts[c]
    found = []
    for state in part.states:
        known = list(joint.weights)
        for place, i in enumerate(part.interfaces):
            known[i] = np.eye(len(known[i]))[state.at[place]]
        mean, cut = joint.mean(known)
        found.append(near.beyond(joint.fine.total(known), joint.coarse.total(known), mean + cut))
    return np.array([p for p, _ in found]), np.array([e for _, e in found])
