# SPDX-License-Identifier: Apache-2.0
"""The joint law with one line or a few of them another: everything else is computed once.

Losses counted in tokens stand at their mean price here, before and after; what a change does is
added to the law as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perilscope.engines.compound import Compound, Mixture
from perilscope.engines.grid import Transform
from perilscope.engines.joint.assembly import Joint
from perilscope.engines.joint.law import SignedLaw
from perilscope.engines.joint.parts import Rungs
from perilscope.engines.joint.prices import at_prices, dearer
from perilscope.engines.joint.side import Weights
from perilscope.engines.register import Register
from perilscope.engines.unlisted import Unlisted


@dataclass(frozen=True)
class Figures:
    """VaR and CVaR of a law that differs a little from another, and the mean of its lines."""

    mean: float
    changed: SignedLaw
    before: SignedLaw
    base: SignedLaw

    def var(self, level: float) -> float:
        """Value at risk."""
        return self.base.var(level) + self.changed.var(level) - self.before.var(level)

    def cvar(self, level: float) -> float:
        """Conditional value at risk."""
        return self.base.cvar(level) + self.changed.cvar(level) - self.before.cvar(level)


class Replaced:
    """A joint law whose lines may be exchanged.

    Parameters
    ----------
    joint : Joint
    law : SignedLaw
        Its law.
    mean : float
        Of the lines alone, at today's prices: what their mean is said to be before a change.
    """

    def __init__(self, joint: Joint, law: SignedLaw, mean: float) -> None:
        self.lines: Mapping[str, Compound] = joint.register.lines
        self._register, self._mean = joint.register, mean
        self._law, self._prices = law, mean_prices(joint)
        self._joint = joint if not joint.tokened else self._plain(joint)
        self._rests: dict[int, dict[Rungs, Transform]] = {}
        self._base = self._measured({})

    def _plain(self, joint: Joint) -> Joint:
        """The same with losses counted in tokens at their mean price."""
        register = at_prices(joint.register, self._prices)
        return Joint(register, joint.interfaces, joint.scenarios, wide=joint.window)

    def _scaled(self, line: Compound) -> Compound:
        return dearer(line, self._prices.get(line.key, 1.0))

    def with_(self, lines: Sequence[Compound]) -> _Other:
        """The same with some lines replaced, by key."""
        changed = {x.key: x for x in lines if x is not self.lines[x.key]}
        return _Other(self, changed)

    def figures(self, changed: Mapping[str, Compound]) -> Figures:
        """What the law is with some lines replaced."""
        scaled = {key: self._scaled(line) for key, line in changed.items()}
        other = self._measured(scaled) if changed else self._base
        mean = self._mean + (self._moved(self._register, changed) if changed else 0.0)
        return Figures(mean, other, self._base, self._law)

    def under(self, lines: Sequence[Compound], weights: Weights, base: SignedLaw) -> Figures:
        """What the law is with some lines replaced and other weights of the interfaces' states.

        Parameters
        ----------
        lines : sequence of Compound
        weights : sequence of array
            One for each interface.
        base : SignedLaw
            The law under these weights with the lines as they are.
        """
        changed = {x.key: self._scaled(x) for x in lines if x is not self.lines[x.key]}
        other, before = (self._weighed(each, weights) for each in (changed, {}))
        return Figures(other.mean, other, before, base)

    def _weighed(self, changed: Mapping[str, Compound], weights: Weights) -> SignedLaw:
        joint = self._joint
        parts = {c: part for c, part in enumerate(joint.parts) if set(part.keys) & set(changed)}
        z = joint.fine.with_({**joint.register.lines, **changed}, parts).total(weights)
        mean, cut = joint.mean(weights)
        mixtures: list[Mixture | Unlisted] = [
            tuple(zip(own.tolist(), each.hits, strict=True))
            for each, own in zip(joint.interfaces, weights, strict=True)
            if each.keys
        ]
        mixtures += [net for net in joint.register.mixtures if isinstance(net, Unlisted)]
        mean += self._moved(joint.register, changed, mixtures) if changed else 0.0
        return SignedLaw(joint.window, joint.window.grid.back(z), mean=mean, sd=math.nan, cut=cut)

    def _measured(self, changed: Mapping[str, Compound]) -> SignedLaw:
        joint = self._joint
        parts = [c for c, part in enumerate(joint.parts) if set(part.keys) & set(changed)]
        known = {**joint.register.lines, **changed}
        z = (
            self._one(parts[0], known)
            if len(parts) == 1
            else joint.fine.with_(known, {c: joint.parts[c] for c in parts}).total(joint.weights)
        )
        mean, cut = joint.mean(joint.weights)
        if changed:
            mean += self._moved(joint.register, changed)
        return SignedLaw(joint.window, joint.window.grid.back(z), mean=mean, sd=math.nan, cut=cut)

    @staticmethod
    def _moved(
        register: Register,
        changed: Mapping[str, Compound],
        mixtures: Sequence[Mixture | Unlisted] | None = None,
    ) -> float:
        """By how much the mean of the lines moves."""
        keys = {k for key in changed for k in register.component_of(key).keys}
        lines = {key: register.lines[key] for key in register.lines if key in keys}
        one, two = (
            Register(
                list(each.values()),
                mixtures=register.mixtures if mixtures is None else mixtures,
                caps=register.caps,
                grid=register.grid,
            )
            for each in (lines, {**lines, **changed})
        )
        return math.fsum(two.means.values()) - math.fsum(one.means.values())

    def _one(self, c: int, lines: Mapping[str, Compound]) -> Transform:
        """Transform of everything where one part has other lines."""
        joint, side = self._joint, self._joint.fine
        part = joint.parts[c]
        if c not in self._rests:
            if part.coupled:
                outside = side.fixed(joint.weights)
                moved = side.moved(joint.weights, leave=c)
                self._rests[c] = {rungs: rest * outside for rungs, rest in moved.items()}
            else:
                whole = sum(side.moved(joint.weights).values(), np.zeros(1, dtype=np.complex128))
                self._rests[c] = {(): whole * side.fixed(joint.weights, leave=c)}
        own = part.transforms(side.transforms, lines)
        tables = part.table(joint.weights)
        total = np.zeros(joint.window.grid.points // 2 + 1, dtype=np.complex128)
        for rungs, rest in self._rests[c].items():
            total += (tables[rungs] @ own) * rest
        return total


@dataclass(frozen=True)
class _Other:
    """A joint law with some lines replaced, not computed yet."""

    replaced: Replaced
    changed: Mapping[str, Compound]

    def law(self) -> Figures:
        """Its figures."""
        return self.replaced.figures(self.changed)


def mean_prices(joint: Joint) -> dict[str, float]:
    """For each line counted in a token, the mean price of it against today's."""
    found: dict[str, float] = {}
    for place, c in enumerate(joint.tokened):
        price = math.fsum(
            joint.chance(rungs) * float(joint.market(rungs).prices[place])
            for rungs in joint.markets
            if joint.chance(rungs) > 0.0
        )
        found |= dict.fromkeys(joint.parts[c].counted, price)
    return found
