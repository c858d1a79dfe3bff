# SPDX-License-Identifier: Apache-2.0
"""How the figures answer to each estimate: one leaf moved at a time, everything else as it is.

A leaf that holds beliefs is set to their 5 % and 95 % quantiles (several beliefs inside one
estimate move together, and one that several scenarios share moves for all of them); any other leaf
is taken 10 % lower and higher: a number, or the scale of a law of chance, a probability staying
between 0 and 1. Every swing is a full evaluation by the exact engine, of the scenario alone and of
the whole register. The elasticity is what one percent more of the leaf adds to a CVaR in percent,
in the limit, so that leaves of all kinds compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from perilscope.beliefs.scaling import times
from perilscope.book import Leaf, Scenario
from perilscope.engines.aggregate.compound import Compound
from perilscope.engines.aggregate.register import Register
from perilscope.engines.aggregate.shared import shared_by
from perilscope.engines.laws.distributions import Distribution
from perilscope.errors import AssessmentError, MisuseError
from perilscope.layers import operational, spread
from perilscope.layers.context import Context
from perilscope.layers.term import Term

LEVEL = 0.99
"""The level of every CVaR here."""

SWING = 0.1
"""How far a leaf without beliefs is moved, relative."""

STEP = 0.005
"""The small relative step from which an elasticity is found."""

Pair = tuple[float, float]
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Swing:
    """What one leaf does to the figures, at its low and its high value.

    Parameters
    ----------
    scenario, path : str
        Whose leaf it is, and where it stands.
    of : str
        ``belief`` for quantiles of what is believed, ``scale`` for ten percent each way.
    values : (float, float)
        Mean of the leaf at both: events a year, a probability, or money.
    dimension : str
        What the leaf measures, as in the book: ``rate``, ``probability`` or ``money``.
    ale, cvar : (float, float)
        Annualised loss and CVaR 99 % of the scenario alone.
    total_ale, total_cvar : (float, float)
        The same of the whole register.
    elasticity, total_elasticity : float or None
        d log CVaR / d log leaf, alone and of the register; None where there is no CVaR.
    apart : (float, float)
        Estimate of the error of both ends of ``total_cvar`` that ``apart`` of
        :func:`sensitivities` gives, in money.
    """

    scenario: str
    path: str
    of: str
    values: Pair
    dimension: str
    ale: Pair
    cvar: Pair
    total_ale: Pair
    total_cvar: Pair
    elasticity: float | None
    total_elasticity: float | None
    apart: Pair = (0.0, 0.0)


@dataclass(frozen=True)
class Skipped:
    """A leaf whose swing could not be evaluated, and why."""

    scenario: str
    path: str
    reason: str


@dataclass(frozen=True)
class Sensitivities:
    """All swings, in the order of the book, and the leaves that had to be left out."""

    swings: tuple[Swing, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def of(self, scenario: str) -> list[Swing]:
        """Swings of one scenario, the widest of its own CVaR first, then of its mean."""
        mine = [swing for swing in self.swings if swing.scenario == scenario]
        return sorted(mine, key=lambda s: (-_width(s.cvar), -_width(s.ale), s.path))

    def widest(self, most: int = 20) -> list[Swing]:
        """Swings of the register's CVaR, the widest first, then of its mean."""

        def order(swing: Swing) -> tuple[Any, ...]:
            widths = -_width(swing.total_cvar), -_width(swing.total_ale)
            return (*widths, swing.scenario, swing.path)

        return sorted(self.swings, key=order)[:most]


def sensitivities(
    scenarios: Mapping[str, Scenario],
    context: Context,
    alone: Mapping[str, Register],
    register: Register,
    apart: Callable[[Any], float] = lambda _law: 0.0,
) -> Sensitivities:
    """Swing every leaf of every scenario of a register.

    Parameters
    ----------
    scenarios : mapping of Scenario
        Those that could be assessed, by id.
    context : Context
        What their lines were made of.
    alone : mapping of Register
        Each line as a register of its own.
    register : Register
        All of them joined.
    apart : callable, optional
        Given a law of the register with a leaf moved, an error of its CVaR to be told, in money.
    """
    swings: list[Swing] = []
    skipped: list[Skipped] = []
    for key, scenario in scenarios.items():
        world = _World(scenario, context, alone[key], register, apart)
        terms = operational.factors(scenario, context)
        for path, dimension in _leaves(scenario):
            try:
                swings.append(world.swing(path, dimension, terms[path]))
            except (AssessmentError, MisuseError) as error:
                skipped.append(Skipped(key, path, str(error)))
    return Sensitivities(tuple(swings), tuple(skipped))


@dataclass(frozen=True)
class _Figures:
    """Figures of one scenario alone and of the register."""

    ale: float
    cvar: float
    total_ale: float
    total_cvar: float
    apart: float


@dataclass(frozen=True)
class _World:
    """What stays as it is while the leaves of one scenario are moved."""

    scenario: Scenario
    context: Context
    alone: Register
    register: Register
    apart: Callable[[Any], float]

    def swing(self, path: str, dimension: str, term: Term) -> Swing:
        """Both ends of a leaf, and what a small step does."""
        uncertain = bool(spread.loose(term.beliefs))
        ends = [_pinned(u) for u in (spread.LOW, spread.HIGH)]
        shared = [_values(term, u) for u in (spread.LOW, spread.HIGH)]
        if not uncertain:
            ends = [_taken(1.0 - SWING, dimension), _taken(1.0 + SWING, dimension)]
        both = zip(ends, shared, strict=True)
        low, high = (self._with(path, change, known) for change, known in both)
        values = tuple(spread.mean(change(term)) for change in ends)
        return Swing(
            scenario=self.scenario.id,
            path=path,
            of="belief" if uncertain else "scale",
            values=(values[0], values[1]),
            dimension=dimension,
            ale=(low.ale, high.ale),
            cvar=(low.cvar, high.cvar),
            total_ale=(low.total_ale, high.total_ale),
            total_cvar=(low.total_cvar, high.total_cvar),
            apart=(low.apart, high.apart),
            **self._elasticities(path, dimension, term),
        )

    def _elasticities(self, path: str, dimension: str, term: Term) -> dict[str, float | None]:
        steps = [_taken(1.0 - STEP, dimension), _taken(1.0 + STEP, dimension)]
        low, high = (self._with(path, change) for change in steps)
        before, after = (_size(change(term)) for change in steps)
        return {
            "elasticity": _slope(before, after, low.cvar, high.cvar),
            "total_elasticity": _slope(before, after, low.total_cvar, high.total_cvar),
        }

    def _with(
        self, path: str, change: Callable[[Term], Term], known: Mapping[str, float] = NOTHING
    ) -> _Figures:
        """Figures where a leaf is changed; a belief it shares with others is known to them too."""
        line = _changed(self.scenario, self.context, path, change).given(known)
        others = [x.given(known) for x in self.register.lines.values() if x.key != line.key]
        moved = [x for x in others if x is not self.register.lines[x.key]]
        own, law = self.alone.with_([line]).law(), self.register.with_([line, *moved]).law()
        years = self.context.years
        return _Figures(
            own.mean / years, own.cvar(LEVEL), law.mean / years, law.cvar(LEVEL), self.apart(law)
        )


def _leaves(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Path and dimension of every leaf; what a network gives is no leaf."""
    for path, factor in scenario.factors():
        if isinstance(factor, Leaf):
            yield path, factor.estimate.value.dimension


def _changed(
    scenario: Scenario, context: Context, path: str, change: Callable[[Term], Term]
) -> Compound:
    """The line of a scenario with one factor changed."""

    def factor(key: str, at: str, term: Term) -> Term:
        declared = context.factor(key, at, term)
        return change(declared) if at == path else declared

    return operational.line(scenario, replace(context, factor=factor))


def _pinned(level: float) -> Callable[[Term], Term]:
    """Every belief of a term known: its quantile of one level."""
    return lambda term: Term.fixed(term.at(spread.at_quantile(term.beliefs, level)))


def _values(term: Term, level: float) -> dict[str, float]:
    """Quantiles of the beliefs of a term that others share, by name."""
    return {b.name: float(b.ppf(level)) for b in shared_by(term.beliefs) if not b.chance}


def _taken(factor: float, dimension: str) -> Callable[[Term], Term]:
    """A term times a factor; a probability stays between 0 and 1."""

    def scaled(value: Any) -> Any:
        if isinstance(value, Distribution):
            return times(value, factor)
        return np.minimum(value * factor, 1.0) if dimension == "probability" else value * factor

    def change(term: Term) -> Term:
        if term.alone and dimension != "probability":
            return Term((times(term.beliefs[0], factor),), term.at, alone=True)
        return Term(term.beliefs, lambda theta: scaled(term.at(theta)), single=term.single)

    return change


def _size(term: Term) -> float:
    """By what the step of a leaf is measured: its mean, or its median where that is infinite."""
    mean = spread.mean(term)
    if math.isfinite(mean):
        return mean
    value = term.at(spread.middle(term.beliefs))
    return float(value.ppf(0.5))


def _slope(before: float, after: float, low: float, high: float) -> float | None:
    """Slope on logarithmic scales; None where one of them is zero or nothing moved."""
    if min(before, after, low, high) <= 0.0 or before == after:
        return None
    return math.log(high / low) / math.log(after / before)


def _width(pair: Pair) -> float:
    return abs(pair[1] - pair[0])
